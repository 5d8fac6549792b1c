"""The search's own code, without a model: python -m experiments.benchmarks.search [n=16,256] [depth=10,40] [full]

A policy and a scorer that answer at once; what is left is the tree, the algorithm and asyncio. Time is the process's
own, divided by the nodes of the tree, the best of several searches. Since machines differ, and one machine from minute
to minute, bounds are held against that time divided by how much longer bare tasks take than on the machine of the
bound. Memory is the most that a search holds, divided by its nodes; steps share their tokens, which do not count.
Cells beyond `nodes` nodes are skipped. Then trees are read: votes, a curve, JSON. The exit code
is 1 where a figure is out of its bound, also after further tries.
"""

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from experiments.benchmarks.instant import Instant, Instantly, slowness
from experiments.benchmarks.readings import read
from experiments.collector import collect_rarely
from experiments.config.script import from_overrides
from search import DVTS, MCTS, Again, Beam, BestOfN, Grower, ParticleFilter, Rebase, Searcher, Tree

MOST_MICROSECONDS = 50.0  # a step, at n = 256 and depth 40
MOST_GROWTH = 2.0  # of a step's time from the smallest to the largest n, and from the smallest to the largest depth
MOST_BYTES = 2000.0  # a node
BRANCH = 4
ROUNDS = 8  # of REBASE
TRACED = 15_000  # tracing allocations is slow: larger trees are not traced
TRIES = 4  # of a cell that is out of bound

SEARCHERS: dict[str, Callable[[int], Searcher]] = {
    "best_of_n": BestOfN,
    "beam": lambda n: Beam(n, branch=BRANCH),
    "rebase": Rebase,
    "dvts": lambda n: DVTS(n, branch=BRANCH),
    "particle_filter": ParticleFilter,
    "again": lambda n: Again(Rebase(max(1, n // ROUNDS)), times=ROUNDS, sure=1.0),
    "mcts": lambda n: MCTS(n, c_puct=1.0),
    "mcts_deep": lambda n: MCTS(n, c_puct=0.02),  # a greedy descent is as long as the tree is deep
}
BOUNDED = frozenset(SEARCHERS) - {"mcts_deep"}


@dataclass
class Knobs:
    n: list[int] = field(default_factory=lambda: [16, 256, 4096])
    """candidates, particles or solutions; simulations of MCTS, of which each goes down to a leaf"""
    depth: list[int] = field(default_factory=lambda: [10, 40, 100, 400])
    """steps of a solution"""
    tokens: int = 100
    """of a step"""
    nodes: int | None = 102_400
    """of the largest trees that are measured; null measures all"""
    searchers: list[str] = field(default_factory=lambda: list(SEARCHERS))
    """which of them"""
    readings: int = 100_000
    """nodes of the largest tree that is read; 0 reads none"""


class Cell(NamedTuple):
    searcher: str
    n: int
    depth: int
    tokens: int

    @property
    def nodes(self) -> int:
        """About how many its tree has."""
        steps = self.n * self.depth
        return max(1, steps // 2) if self.searcher.startswith("mcts") else steps  # half of them are met again

    def __str__(self) -> str:
        return f"{self.searcher}, n = {self.n}, depth {self.depth}"


class Measured(NamedTuple):
    nodes: int
    microseconds: float
    """a step"""
    slow: float
    """how much longer the machine took, at that moment, than that of the bound; at least 1"""
    size: float | None = None
    """bytes a node; None where the tree is too large to be traced"""

    @property
    def fair(self) -> float:
        """Microseconds a step, as on the machine of the bound."""
        return self.microseconds / self.slow


Measures = dict[Cell, Measured]


def search(cell: Cell, policy: Instant) -> Tree:
    grow = Grower(Tree("question"), policy, Instantly(policy))
    asyncio.run(SEARCHERS[cell.searcher](cell.n).search(grow))
    return grow.tree


def timed(cell: Cell) -> Measured:
    policy = Instant(cell.depth, cell.tokens)
    gc.collect()
    before, start = slowness(), time.process_time()
    tree = search(cell, policy)
    seconds, nodes = time.process_time() - start, sum(1 for _ in tree.nodes())
    return Measured(nodes, seconds / nodes * 1e6, (before + slowness()) / 2)


def bytes_a_node(cell: Cell) -> float:
    policy = Instant(cell.depth, cell.tokens)
    gc.collect()
    tracemalloc.start()
    try:
        tree = search(cell, policy)
        gc.collect()
        return tracemalloc.get_traced_memory()[1] / sum(1 for _ in tree.nodes())
    finally:
        tracemalloc.stop()


def measure(cell: Cell) -> Measured:
    """The best of several searches, more of them where trees are small."""
    best = min([timed(cell) for _ in range(max(1, min(5, 10_000 // cell.nodes)))], key=lambda run: run.fair)
    return best._replace(size=bytes_a_node(cell)) if best.nodes <= TRACED else best


def cells(knobs: Knobs) -> Iterator[Cell]:
    for searcher in knobs.searchers:
        for n in knobs.n:
            for depth in knobs.depth:
                cell = Cell(searcher, n, depth, knobs.tokens)
                if knobs.nodes is None or cell.nodes <= knobs.nodes:
                    yield cell


class Broken(NamedTuple):
    """A bound that is not met: what to measure again, and what to say."""

    cells: tuple[Cell, ...]
    message: str


def broken_bounds(measures: Measures) -> Iterator[Broken]:
    bounded = {cell: measured for cell, measured in measures.items() if cell.searcher in BOUNDED}
    for cell, measured in bounded.items():
        if (cell.n, cell.depth) == (256, 40) and measured.fair > MOST_MICROSECONDS:
            most = f"at most {MOST_MICROSECONDS * measured.slow:.0f} on this machine"
            yield Broken((cell,), f"{cell}: {measured.microseconds:.0f} us a step; {most}")
        if measured.size is not None and measured.size > MOST_BYTES:
            yield Broken((), f"{cell}: {measured.size:,.0f} bytes a node; at most {MOST_BYTES:,.0f}")
    for axis, other in (("n", "depth"), ("depth", "n")):
        lines: dict[tuple[str, int], list[Cell]] = {}
        for cell in bounded:
            lines.setdefault((cell.searcher, getattr(cell, other)), []).append(cell)
        for line in lines.values():
            first, last = (pick(line, key=lambda cell: getattr(cell, axis)) for pick in (min, max))
            growth = bounded[last].fair / bounded[first].fair
            if growth > MOST_GROWTH:
                ends = f"from {axis} = {getattr(first, axis)} to {getattr(last, axis)}"
                message = f"{last}: a step takes {growth:.1f} times as long {ends}; at most {MOST_GROWTH:.1f} times"
                yield Broken((first, last), message)


def measure_again(measures: Measures, broken: Sequence[Broken]) -> None:
    for cell in dict.fromkeys(cell for bound in broken for cell in bound.cells):
        best = min(measures[cell], timed(cell), key=lambda run: run.fair)
        measures[cell] = best._replace(size=measures[cell].size)


def table(measures: Measures) -> str:
    """In Markdown."""
    lines = [
        "| searcher | n | depth | nodes | us a step | on the machine of the bound | bytes a node |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell, run in measures.items():
        size = "" if run.size is None else f"{run.size:,.0f}"
        figures = f"{run.nodes:,} | {run.microseconds:.1f} | {run.fair:.1f} | {size}"
        lines.append(f"| {cell.searcher} | {cell.n} | {cell.depth} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    knobs = from_overrides(Knobs)
    collect_rarely()
    print(f"{knobs.tokens} tokens a step; this machine takes {slowness():.1f} times as long as that of the bound\n")
    measures: Measures = {cell: measure(cell) for cell in cells(knobs)}
    for _ in range(TRIES):
        if broken := list(broken_bounds(measures)):
            measure_again(measures, broken)
    print(table(measures), flush=True)
    readings = [] if knobs.readings == 0 else list(read(knobs.readings))
    broken = [bound.message for bound in broken_bounds(measures)]
    for reading in readings:
        print(reading)
    broken += [str(reading) for reading in readings if reading.seconds > reading.most * reading.slow]
    for message in broken:
        print(f"out of bound: {message}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
