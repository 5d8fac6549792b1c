"""Runs a sweep's searches and keeps each as it ends: judged, written and flushed before the next is looked at."""

import asyncio
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

from experiments.cells import GREEDY, Cell
from experiments.errors import RunError
from experiments.problems import Problem
from experiments.progress import SweepProgress
from experiments.results import failed, judge
from experiments.run_folder import Lines
from experiments.terminal import exact
from search.batching import WorkerDied
from search.protocols import Scorer
from search.selection import Selection
from search.solve import Job, Solved, solve_all
from search.tree import Tree

_JUDGED_AT_ONCE = 64  # searches that have ended and whose trees are still held


class Key(NamedTuple):
    """What tells a search of a sweep from the others."""

    problem: str
    cell: str
    seed: int


def key(problem: str, cell: Mapping[str, Any], seed: int) -> Key:
    return Key(problem, json.dumps(cell, sort_keys=True), seed)


class Name(NamedTuple):
    """What a job is: the `place`-th problem under a cell, with a seed."""

    place: int
    problem: Problem
    cell: Cell
    seed: int

    @property
    def key(self) -> Key:
        return key(self.problem.id, self.cell.key, self.seed)


def names(problems: Sequence[Problem], grid: Sequence[Cell], seeds: Sequence[int]) -> Iterator[Name]:
    """Problem by problem, so that all cells of one problem run near each other; greedy decoding once for all seeds."""
    for place, problem in enumerate(problems):
        for seed in seeds:
            for cell in grid:
                if cell.searcher != GREEDY or seed == seeds[0]:
                    yield Name(place, problem, cell, seed)


def jobs(work: Iterable[Name], scorer: Scorer) -> Iterator[Job]:
    """The gold answer stays behind."""
    for name in work:
        cell = name.cell
        yield Job(name.problem.question, cell.search, cell.policy, scorer, cell.budget, name.seed, name)


class TooManyErrors(RuntimeError):
    """More searches failed than the user allows."""


class Recorder:
    """Writes a line of results for each search, and its tree where `trees` names a folder; keeps none of them."""

    def __init__(
        self,
        lines: Lines,
        trees: Path | None,
        selection: Selection,
        progress: SweepProgress,
        errors_left: float = math.inf,
    ) -> None:
        self._lines, self._trees, self._selection, self._progress = lines, trees, selection, progress
        self._errors_left = errors_left

    async def run(self, work: Iterable[Job], concurrency: int) -> None:
        """Runs all jobs. Cancelled, it still keeps the searches that had ended; so too where an engine dies.

        Raises WorkerDied where one does: no other search would fare better, and none is written down as failed;
        RunError where a result cannot be written; TooManyErrors.
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
                        await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
                    for task in [task for task in keeping if task.done()]:
                        keeping.remove(task)
                        task.result()
                    if self._errors_left < 0:
                        raise TooManyErrors
        finally:
            found = [solved for solved in late if not isinstance(solved.error, WorkerDied)]
            await asyncio.gather(*keeping, *map(self._keep, found))

    async def _keep(self, solved: Solved) -> None:
        name: Name = solved.job.name
        problem, cell = name.problem, name.cell
        result = await asyncio.to_thread(judge, solved, problem, cell.key, self._selection.reduction, cell.smaller)
        if self._trees is not None:
            try:
                write_tree(self._trees / file_name(name), solved.tree)
            except ValueError as failure:  # a number in it is none
                result = failed(result, failure)
        self._lines.append(result.dumps())
        self._errors_left -= result.error is not None
        correct = result.correct(self._selection.rule.value)
        self._progress.ended(solved.tree.ledger.generated_tokens, result.error is not None, correct)


def file_name(name: Name) -> str:
    """Of a tree: the problem's place keeps names apart when an id is made safe, or cut."""
    return f"{name.place:05d}-{tree_name(name.problem.id, name.cell.key, name.seed)}"


def tree_name(problem: str, cell: Mapping[str, Any], seed: int) -> str:
    """The same without the problem's place."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", problem)[:60]
    limit = "".join(f"-{knob}-{exact(value)}" for knob, value in cell["budget"].items())
    return f"{safe}.{cell['searcher']}-{cell['n']}{limit}.seed-{seed}.json"


def write_tree(path: Path, tree: Tree) -> None:
    """Raises RunError where it cannot be written."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(tree.dumps(), "utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error
