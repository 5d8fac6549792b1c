"""Runs a sweep's searches and keeps each as it ends: judged, written and flushed before the next is looked at."""

import asyncio
import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import IO, Any, NamedTuple

from experiments.cells import Cell
from experiments.problems import Problem
from experiments.progress import SweepProgress
from experiments.results import judge
from search.batching import WorkerDied
from search.protocols import Scorer
from search.scores import Reduction
from search.solve import Job, Solved, solve_all

_JUDGED_AT_ONCE = 64  # searches that have ended and whose trees are still held


class Key(NamedTuple):
    """What tells a search of a sweep from the others."""

    problem: str
    cell: str


def key(problem: str, cell: Mapping[str, Any]) -> Key:
    return Key(problem, json.dumps(cell, sort_keys=True))


class Name(NamedTuple):
    """What a job is: the `place`-th problem under a cell."""

    place: int
    problem: Problem
    cell: Cell


def jobs(
    problems: Sequence[Problem], grid: Sequence[Cell], scorer: Scorer, seed: int, done: Container[Key] = ()
) -> Iterator[Job]:
    """Problem by problem, so that all cells of one problem run near each other. The gold answer stays behind.

    Those in `done` are left out.
    """
    for place, problem in enumerate(problems):
        for cell in grid:
            if key(problem.id, cell.key) in done:
                continue
            name = Name(place, problem, cell)
            yield Job(problem.question, cell.search, cell.policy, scorer, cell.budget, seed, name)


class Recorder:
    """Writes a line of results for each search, and its tree where `trees` names a folder; keeps none of them."""

    def __init__(self, file: IO[str], trees: Path | None, reduction: Reduction | None, progress: SweepProgress) -> None:
        self._file, self._trees, self._reduction, self._progress = file, trees, reduction, progress

    async def run(self, work: Iterable[Job], concurrency: int) -> None:
        """Runs all jobs. Cancelled, it still keeps the searches that had ended; so too where an engine dies.

        Raises WorkerDied where one does: no other search would fare better, and none is written down as failed.
        """
        keeping: set[asyncio.Task[None]] = set()
        late: list[Solved] = []
        try:
            async with aclosing(solve_all(work, concurrency, late)) as ended:  # pyright: ignore[reportArgumentType]
                async for solved in ended:
                    if isinstance(solved.error, WorkerDied):
                        raise solved.error
                    keeping.add(asyncio.create_task(self._keep(solved)))
                    if len(keeping) >= _JUDGED_AT_ONCE:
                        done, keeping = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
        finally:
            found = [solved for solved in late if not isinstance(solved.error, WorkerDied)]
            await asyncio.gather(*keeping, *map(self._keep, found))

    async def _keep(self, solved: Solved) -> None:
        name: Name = solved.job.name
        result = await asyncio.to_thread(judge, solved, name.problem, name.cell.key, self._reduction)
        if self._trees is not None:
            self._trees.mkdir(exist_ok=True)
            (self._trees / file_name(name)).write_text(solved.tree.dumps(), "utf-8")
        self._file.write(result.dumps() + "\n")
        self._file.flush()
        self._progress.ended(solved.tree.ledger.generated_tokens, result.error is not None)


def file_name(name: Name) -> str:
    """Of a tree: the problem's place keeps names apart when an id is made safe, or cut."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", name.problem.id)[:60]
    limit = "".join(f"-{knob}-{value:g}" for knob, value in name.cell.limit.items())
    return f"{name.place:05d}-{safe}.{name.cell.searcher}-{name.cell.n}{limit}.json"
