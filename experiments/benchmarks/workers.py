"""What workers on Ray cost, how well they add up, and whether one that is killed loses anything.

    python -m experiments.benchmarks.workers
    python -m experiments.benchmarks.workers searches=100 kills=5

The engine sleeps, so that the machine's cores do not decide: each search is one request of `seconds`. Start-up is not
counted: all workers have graded searches when the clock starts. Results are written, as in a sweep.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiments.config.script import from_overrides
from experiments.problems.sets import Problem
from experiments.runs.appending import appending
from experiments.runs.grid import Cell, Name
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder
from experiments.runs.where import Here, OnRay, Parts, Rebuilt, Terms, Where
from experiments.terminal import notes, plural
from experiments.workers.knobs import Ray
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search.algorithms.best_of_n import BestOfN
from search.answers.answers import Answers
from search.answers.selection import Selection
from search.protocols import Extension
from search.tree import Node
from search.tree.cost import Budget

MOST_OVERHEAD, LEAST_SHARE = 0.05, 0.95
TERMS = Terms([], {}, True, 2, False, "", OmegaConf.to_yaml(OmegaConf.create()), None, {})


@dataclass
class Knobs:
    """What is measured."""

    searches: int = 200
    """in each measurement"""
    seconds: float = 1.0
    """of each search; the longer, the less a busy machine's own delays count"""
    concurrency: int = 10
    """searches at once in each worker"""
    kills: int = 20
    """workers that are killed (SIGKILL), one after every 20 results"""


@dataclass(frozen=True)
class Sleeping(Toy):
    """The toy policy; each request takes `seconds`."""

    seconds: float = 1.0

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        await asyncio.sleep(self.seconds)
        return await super().extend(node, n, max_steps, seeds)


def parts(seconds: float) -> Parts:
    return Parts(Sleeping(seconds=seconds), ToyScorer(), None, Answers(), Selection())


def grid(seconds: float) -> list[Cell]:
    return [Cell("best_of_n", 1, BestOfN(1), parts(seconds).policy, Budget())]


@dataclass(frozen=True)
class Rebuild:
    """Makes the parts in a worker."""

    seconds: float

    def __call__(self, terms: Terms) -> Rebuilt:
        return Rebuilt(parts(self.seconds), grid(self.seconds), OmegaConf.create())


class Killing(Recorder):
    """Kills a worker of `where` after every `every` results, `kills` times."""

    where: OnRay | None = None
    kills, every, killed = 0, 20, 0

    def _record(self, name: Name, kept: Any) -> None:
        super()._record(name, kept)
        if self.where is None or self._ended // self.every <= self.killed or self.killed >= self.kills:
            return
        pids = [told.pid for worker in self.where.cluster.workers if (told := worker.told)]
        try:
            os.kill(random.choice(pids), signal.SIGKILL)
            self.killed += 1
        except ProcessLookupError:  # it is dead already; another one is taken after the next result
            pass


def names(knobs: Knobs, count: int) -> list[Name]:
    (cell,) = grid(knobs.seconds)
    return [Name(place, Problem(f"q{place}", f"question {place}", "1"), cell, 0) for place in range(count)]


def measured(where: Where, todo: Sequence[Name], kills: int = 0) -> tuple[float, dict[str, Any]]:
    """Seconds that the searches took, and their results by problem. Each must be there once."""
    with tempfile.TemporaryDirectory() as folder, appending(Path(folder, "results.jsonl")) as lines:
        recorder = Killing(lines, None, Selection(), SweepProgress(len(todo), notes()))
        recorder.where, recorder.kills = (where, kills) if isinstance(where, OnRay) else (None, 0)
        start = time.perf_counter()
        asyncio.run(where.run(todo, recorder))
        seconds = time.perf_counter() - start
        rows = [json.loads(line) for line in Path(folder, "results.jsonl").read_text().splitlines()]
    assert recorder.killed == kills, f"only {recorder.killed} workers were killed"
    for row in rows:
        row["ledger"].pop("seconds")
    results = {row["problem"]: row for row in rows}
    assert len(rows) == len(results) == len(todo), f"{len(rows)} results of {len(results)} searches, not {len(todo)}"
    return seconds, results


def on_ray(knobs: Knobs, workers: int, todo: Sequence[Name], kills: int = 0) -> tuple[float, dict[str, Any]]:
    ray = Ray(count=workers)
    with OnRay(ray, Rebuild(knobs.seconds), TERMS, grid(knobs.seconds), 0, knobs.concurrency) as where:
        where.load()
        where.cluster.all_ready()
        measured(where, names(knobs, workers * knobs.concurrency))  # each worker's grader starts
        return measured(where, todo, kills)


def main() -> None:
    knobs = from_overrides(Knobs)
    todo = names(knobs, knobs.searches)
    held = True

    def said(line: str, good: bool) -> None:
        nonlocal held
        held &= good
        print(line + "  NOT HELD" * (not good), flush=True)

    here = Here(parts(knobs.seconds), [], TERMS.draws, knobs.concurrency)
    measured(here, todo[: knobs.concurrency])
    alone, expected = measured(here, todo)
    print(f"one process: {knobs.searches} searches of {knobs.seconds:g} s, {knobs.concurrency} at once: {alone:.2f} s")
    first = 0.0
    for workers in (1, 2, 4):
        seconds, results = on_ray(knobs, workers, todo)
        said(f"{plural(workers, 'worker')}: the results of one process", results == expected)
        if workers == 1:
            first, more = seconds, seconds / alone - 1
            said(f"1 worker: {seconds:.2f} s, {100 * more:+.1f} % a search", more <= MOST_OVERHEAD)
        else:
            share = first / seconds / workers
            said(f"{workers} workers: {seconds:.2f} s, {share:.3f} of linear", share >= LEAST_SHARE)
    if knobs.kills:
        many = names(knobs, 20 * (knobs.kills + 5))
        quick = Knobs(seconds=knobs.seconds / 4)
        seconds, results = on_ray(quick, 4, many, knobs.kills)
        line = f"{len(many)} searches on 4 workers, {knobs.kills} of them killed: {len(results)} results, none twice"
        said(f"{line}; {seconds:.0f} s", len(results) == len(many))
    sys.exit(not held)


if __name__ == "__main__":
    main()
