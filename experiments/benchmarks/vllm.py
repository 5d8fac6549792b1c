"""What the search engine adds to vLLM, as ratios: python -m experiments.benchmarks.vllm [problems=...] [runs=...]

Small models, one process, a fixed seed. Tokens are counted against the least that vLLM's cache allows: what is new of
each prompt, and what a cache of whole blocks must read again. Speeds are against the same requests sent straight into
vLLM. Each row goes to the screen and into `out` at once; the exit code is 1 if a ratio is out of its bounds.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, cast

import torch
from rich.console import Console

from experiments.benchmarks.traffic import Request, Traffic, least
from experiments.config.script import from_overrides
from experiments.problems.sets import Arithmetic
from policies.engines.boundary import stops_of
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checkpoints.forms import Tagged, token_id
from scorers.checkpoints.vllm_reader import VLLMReader
from scorers.prm import PRM, STEP_TAG
from scorers.self_certainty import SelfCertainty
from search import MCTS, Beam, BestOfN, Job, ParticleFilter, Tree, solve_all
from search.solve import Searcher


@dataclass
class Knobs:
    """What is measured."""

    problems: int = 100
    """problems of the shipped set"""
    n: int = 16
    """samples, simulations or particles a problem"""
    runs: int = 5
    """runs of what is timed; the medians are shown"""
    seed: int = 0
    """seed of the searches"""
    threads: int = 1
    """torch's threads in this process, which computes nothing"""
    out: str = "runs/bench_vllm.json"
    """file that the rows are written to"""


class Row(NamedTuple):
    """One line of the table; `most` and `least` bound the ratio where the project promises one."""

    what: str
    ratio: float
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def in_bounds(self) -> bool:
        return (self.least is None or self.ratio >= self.least) and (self.most is None or self.ratio <= self.most)


# tokens against the least possible


def token_rows(name: str, trees: Sequence[Tree], wrote: Traffic, read: Traffic, reader: Any) -> list[Row]:
    figures = ("generated_tokens", "prompt_tokens_computed", "scorer_tokens_computed")
    generated, prompts, scored = (sum(getattr(tree.ledger, figure) for tree in trees) for figure in figures)
    policy, scorer = least(wrote.events, wrote.server.block), least(read.events, read.server.block)
    written = (prompts + generated) / (policy.new + generated)
    again = sum(_prefixes(tree, reader.tokenizer) for tree in trees) / scorer.new
    return [
        Row(
            f"{name}: policy tokens / least",
            (prompts + generated) / (policy.new + policy.rounding + generated),
            most=1.03,
            note=f"{written:.2f} without block rounding",
        ),
        Row(
            f"{name}: scorer tokens / least",
            scored / (scorer.new + scorer.rounding),
            most=1.03,
            note=f"{scored / scorer.new:.2f} without block rounding; {again:.1f} if every step read its whole prefix",
        ),
    ]


def _prefixes(tree: Tree, tokenizer: Any) -> int:
    """Tokens of all nodes' prefixes: what a scorer reads that keeps nothing."""
    form = Tagged(STEP_TAG, system_prompt="")
    paths = [node.steps() for node in tree.nodes() if node.step is not None]
    return sum(len(form.encode(tokenizer, tree.question, [s.text.strip() for s in path]).ids) for path in paths)


# speeds


class Timed(NamedTuple):
    trees: list[Tree]
    seconds: float
    own_seconds: float  # of this thread's CPU: the searches; the engines and their front ends run elsewhere


def run(jobs: Sequence[Job], concurrency: int) -> Timed:
    """Raises the error of the first search that fails: the time of the others would tell nothing."""

    async def all_of_them() -> list[Tree]:
        trees: list[Tree] = []
        async for solved in solve_all(jobs, concurrency):
            if solved.error is not None:
                raise solved.error
            trees.append(solved.tree)
        return trees

    start, own = time.perf_counter(), time.thread_time()
    trees = asyncio.run(all_of_them())
    return Timed(trees, time.perf_counter() - start, time.thread_time() - own)


async def _all(ask: Callable[..., Any], requests: Sequence[Request], label: str) -> None:
    await asyncio.gather(*(ask(ids, params, f"{label} {salt}") for ids, params, salt in requests))


def straight(wrote: Traffic, label: str) -> float:
    """Seconds that the same requests take when all are sent into vLLM at once."""
    server, start = wrote.server, time.perf_counter()
    asyncio.run(server.run(_all(server.generate, wrote.sent, label)))
    return time.perf_counter() - start


def replayed(wrote: Traffic, read: Traffic, policy: VLLM, prm: PRM, label: str) -> float:
    """Seconds that the searches' own requests take without search code: of each search level by level.

    A level is the requests whose paths have equally many steps: all of them are written, then all are judged.
    """
    engine, tag = policy.engine, token_id(prm.reader.tokenizer, STEP_TAG)
    boundaries = stops_of(engine.boundary, engine.vocabulary.texts)
    searches: dict[str, dict[int, list[list[Request]]]] = defaultdict(lambda: defaultdict(lambda: [[], []]))
    for request in wrote.sent:
        searches[request.search][sum(token in boundaries for token in request.ids)][0].append(request)
    for request in read.sent:
        searches[request.search][sum(token == tag for token in request.ids) - 1][1].append(request)

    async def one(levels: dict[int, list[list[Request]]]) -> None:
        for _, (writes, reads) in sorted(levels.items()):
            await wrote.server.run(_all(wrote.server.generate, writes, label))
            await read.server.run(_all(read.server.encode, reads, label))

    async def everything() -> None:
        await asyncio.gather(*map(one, searches.values()))

    start = time.perf_counter()
    asyncio.run(everything())
    return time.perf_counter() - start


def speed_rows(knobs: Knobs, questions: Sequence[str], policy: VLLM, prm: PRM) -> list[Row]:
    """Medians over interleaved runs, each with a seed of its own."""
    writer, reader = policy.engine.server, cast(VLLMReader, prm.reader).server
    shares: dict[str, list[float]] = defaultdict(list)
    for seed in range(knobs.seed + 1, knobs.seed + 1 + knobs.runs):
        for name, searcher, scorer in (("best_of_n", BestOfN(knobs.n), SelfCertainty()), ("beam", Beam(knobs.n), prm)):
            with Traffic(writer, "generate") as wrote, Traffic(reader, "encode") as read:
                ours = run([Job(q, searcher, policy, scorer, seed=seed) for q in questions], len(questions)).seconds
            label = f"again {name} {seed}"
            theirs = straight(wrote, label) if name == "best_of_n" else replayed(wrote, read, policy, prm, label)
            shares[name].append(theirs / ours)
    return [
        Row(f"Best-of-{knobs.n}: speed / its requests straight into vLLM", median(shares["best_of_n"]), least=0.85),
        Row(f"beam, N = {knobs.n}: speed / its requests replayed without search", median(shares["beam"]), least=0.8),
    ]


def overlap_row(knobs: Knobs, questions: Sequence[str], policy: VLLM, prm: PRM) -> Row:
    """The same searches all at once and one after another."""
    jobs = [Job(question, Beam(4), policy, prm, seed=knobs.seed) for question in questions]
    together, alone = run(jobs, len(jobs)), run(jobs, 1)
    tokens = [sum(tree.ledger.generated_tokens for tree in timed.trees) for timed in (together, alone)]
    note = f"generated tokens {tokens[0] / tokens[1]:.3f}"
    return Row(
        f"beam, N = 4: {len(jobs)} problems at once / one by one", alone.seconds / together.seconds, 4, None, note
    )


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    policy, prm = VLLM(context=2048), PRM(engine=Engine.VLLM, context=2048)
    writer, reader = policy.engine.server, cast(VLLMReader, prm.reader).server
    questions = [problem.question for problem in Arithmetic(limit=knobs.problems).load()]
    searchers: dict[str, Searcher] = {
        "Best-of-N": BestOfN(knobs.n),
        "beam": Beam(knobs.n),
        "MCTS": MCTS(simulations=knobs.n),
        "particle filter": ParticleFilter(knobs.n),
    }
    report = Report(Console(width=160), knobs)
    for name, searcher in searchers.items():
        with Traffic(writer, "generate") as wrote, Traffic(reader, "encode") as read:
            timed = run([Job(q, searcher, policy, prm, seed=knobs.seed) for q in questions], len(questions))
        steps = sum(node.stats.get("count", 1) for tree in timed.trees for node in tree.nodes())
        report.add(*token_rows(name, timed.trees, wrote, read, prm.reader))
        report.add(Row(f"{name}: microseconds of search code a generated step", timed.own_seconds / steps * 1e6))
    report.add(*speed_rows(knobs, questions, policy, prm))
    report.add(overlap_row(knobs, questions, policy, prm))
    sys.exit(not all(row.in_bounds for row in report.rows))


class Report:
    """Prints each row when it is added, and writes all rows so far to the file."""

    def __init__(self, console: Console, knobs: Knobs) -> None:
        self.rows: list[Row] = []
        self._console, self._knobs = console, knobs
        console.print(
            f"{knobs.problems} problems, N = {knobs.n}, seed {knobs.seed}, {knobs.runs} runs of what is timed"
        )

    def add(self, *rows: Row) -> None:
        for row in rows:
            bound = f"at least {row.least}" if row.least is not None else f"at most {row.most}" if row.most else ""
            verdict = bound if row.in_bounds else f"{bound}: NOT HELD"
            self._console.print(f"{row.what:70} {row.ratio:8,.3f}  {verdict:22} {row.note}", highlight=False)
        self.rows += rows
        out = Path(self._knobs.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"knobs": vars(self._knobs), "rows": [row._asdict() for row in self.rows]}, indent=1))


if __name__ == "__main__":
    main()
