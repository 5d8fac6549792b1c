"""The search's own code, without a model: python -m experiments.benchmarks.search [n=[16,256]] [depth=[10,40]] [full]

A policy and a scorer that answer at once; what is left is the tree, the algorithm and asyncio. Time is the process's
own, divided by the nodes of the tree. Memory is the most that a search holds, divided by its nodes; steps share their
tokens, which do not count. Cells beyond `nodes` nodes are skipped; `full` runs them too. The exit code is 1 where a
figure is out of its bound.
"""

import asyncio
import gc
import hashlib
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from experiments.config.script import from_overrides
from search import MCTS, Beam, BestOfN, Cost, End, Extension, Kind, Node, ParticleFilter, Scored, Searcher, Step, solve

MOST_MICROSECONDS = 50.0  # a step, at n = 256 and depth 40
MOST_GROWTH = 2.0  # of a step's time from the smallest to the largest n, and from the smallest to the largest depth
MOST_BYTES = 2000.0  # a node
MEMORY_NODES = 20_000  # tracing allocations is slow: larger trees are not traced
_CHOICES = 4
_NOTHING = Cost(calls=1)


@dataclass
class Knobs:
    n: list[int] = field(default_factory=lambda: [16, 256, 4096])
    depth: list[int] = field(default_factory=lambda: [10, 40, 100, 400])
    tokens: int = 100
    nodes: int = 100_000
    searchers: list[str] = field(default_factory=lambda: ["best_of_n", "beam", "mcts", "mcts_deep", "particle_filter"])


class Instant:
    """A policy of four equally likely steps at every depth; solutions end at `depth`. Each step is made once."""

    def __init__(self, depth: int, tokens: int) -> None:
        self.depth = depth
        ids, logprobs = tuple(range(tokens)), (-1.0,) * tokens
        self._open = [Step(f"step {i} {'x ' * tokens}\n\n", ids, logprobs) for i in range(_CHOICES)]
        self._last = [Step(f"\\boxed{{{i}}}", ids, logprobs, End.ANSWER) for i in range(_CHOICES)]
        self._cost = Cost(generated=tokens, computed=1)

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        length = self.depth - node.depth if max_steps is None else min(max_steps, self.depth - node.depth)
        last = node.depth + length == self.depth
        return Extension(tuple(self._steps(seed, length, last) for seed in seeds), self._cost)

    def _steps(self, seed: int, length: int, last: bool) -> tuple[Step, ...]:
        steps = [self._open[(seed >> place) % _CHOICES] for place in range(length - last)]
        return (*steps, self._last[seed % _CHOICES]) if last else tuple(steps)


class Hash:
    """A scorer whose numbers are a function of a step's text and depth."""

    kind = Kind.VALUE

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        new = steps[since:]
        return Scored([_fraction(since + place, step.text[:6]) for place, step in enumerate(new)], _NOTHING)


def _fraction(depth: int, text: str) -> float:
    digest = hashlib.blake2b(f"{depth} {text}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") / 2**32


class Measured(NamedTuple):
    """One cell; `bytes_a_node` is None where the tree is too large to be traced."""

    searcher: str
    n: int
    depth: int
    nodes: int
    microseconds: float
    bytes_a_node: float | None


def searcher(name: str, n: int) -> Searcher:
    """The searcher at the scale that the others call n; MCTS has one simulation a step of four samples."""
    match name:
        case "best_of_n":
            return BestOfN(n)
        case "beam":
            return Beam(n, branch=4)
        case "mcts":
            return MCTS(n, branch=4, c_puct=1.0)
        case "mcts_deep":
            return MCTS(n, branch=4, c_puct=0.02)
        case "particle_filter":
            return ParticleFilter(n)
    raise ValueError(f"searchers: no benchmark of {name}")


def expected_nodes(name: str, n: int, depth: int) -> int:
    return n * _CHOICES if name.startswith("mcts") else n * depth


def measure(name: str, n: int, depth: int, tokens: int) -> Measured:
    """Time of one search, and the memory of a second one where it is small enough to be traced."""
    policy, scorer = Instant(depth, tokens), Hash()

    def search() -> Any:
        return asyncio.run(solve("question", searcher(name, n), policy, scorer))

    gc.collect()
    start = time.process_time()
    tree = search()
    seconds, nodes = time.process_time() - start, sum(1 for _ in tree.nodes())
    held = None
    if nodes <= MEMORY_NODES:
        del tree
        gc.collect()
        tracemalloc.start()
        tree = search()
        gc.collect()
        held = tracemalloc.get_traced_memory()[1] / nodes
        tracemalloc.stop()
    return Measured(name, n, depth, nodes, seconds / nodes * 1e6, held)


def cells(knobs: Knobs) -> Iterator[tuple[str, int, int]]:
    for name in knobs.searchers:
        for n in knobs.n:
            for depth in knobs.depth:
                if expected_nodes(name, n, depth) <= knobs.nodes:
                    yield name, n, depth


def broken_bounds(rows: Sequence[Measured]) -> list[str]:
    """What is out of its bound, in words; the greedy descent of mcts_deep is shown and not bounded."""
    bounded = [row for row in rows if row.searcher != "mcts_deep"]
    broken = [
        f"{row.searcher} n={row.n} depth={row.depth}: {row.microseconds:.0f} us a step, at most {MOST_MICROSECONDS:.0f}"
        for row in bounded
        if (row.n, row.depth) == (256, 40) and row.microseconds > MOST_MICROSECONDS
    ]
    broken += [
        f"{row.searcher} n={row.n} depth={row.depth}: {row.bytes_a_node:,.0f} bytes a node, at most {MOST_BYTES:,.0f}"
        for row in bounded
        if row.bytes_a_node is not None and row.bytes_a_node > MOST_BYTES
    ]
    for axis, other in (("n", "depth"), ("depth", "n")):
        lines: dict[tuple[str, int], list[Measured]] = {}
        for row in bounded:
            lines.setdefault((row.searcher, getattr(row, other)), []).append(row)
        for (name, at), line in lines.items():
            first, last = (pick(line, key=lambda row: getattr(row, axis)) for pick in (min, max))
            growth = last.microseconds / first.microseconds
            if growth > MOST_GROWTH:
                ends = f"{getattr(first, axis)} to {getattr(last, axis)}"
                broken.append(f"{name} {other}={at}: a step takes {growth:.1f} times as long from {axis} = {ends}")
    return broken


def main() -> None:
    full = "full" in sys.argv[1:]
    sys.argv[1:] = [word for word in sys.argv[1:] if word != "full"]
    knobs, console = from_overrides(Knobs), Console()
    if full:
        knobs.nodes = sys.maxsize
    gc.set_threshold(50_000, 20, 100)
    measure("best_of_n", 16, 10, knobs.tokens)
    table = Table(title=f"{knobs.tokens} tokens a step", title_justify="left")
    for heading in ("searcher", "n", "depth", "nodes", "us a step", "bytes a node"):
        table.add_column(heading, justify="left" if heading == "searcher" else "right")
    rows = []
    for cell in cells(knobs):
        row = measure(*cell, knobs.tokens)
        rows.append(row)
        held = "-" if row.bytes_a_node is None else f"{row.bytes_a_node:,.0f}"
        table.add_row(row.searcher, f"{row.n}", f"{row.depth}", f"{row.nodes:,}", f"{row.microseconds:.1f}", held)
    console.print(table)
    broken = broken_bounds(rows)
    for line in broken:
        console.print(f"out of bound: {line}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
