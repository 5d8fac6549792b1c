"""Runs a sweep's searches and keeps each as it ends: judged, written and flushed before the next is looked at."""

import asyncio
import math
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from experiments.runs.appending import Lines
from experiments.runs.grading import failed, judge
from experiments.runs.grid import Name
from experiments.runs.progress import SweepProgress
from experiments.runs.tree_files import file_name, write_tree
from search.answers.selection import Selection
from search.errors import WorkerDied
from search.solve import Job, Solved, solve_all

_JUDGED_AT_ONCE = 64  # searches that have ended and whose trees are still held


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
        rule, reduction = self._selection.rule, self._selection.reduction
        result = await asyncio.to_thread(judge, solved, problem, cell.key, reduction, cell.smaller, rule)
        if self._trees is not None:
            try:
                write_tree(self._trees / file_name(name), solved.tree)
            except ValueError as failure:  # a number in it is none
                result = failed(result, failure)
        self._lines.append(result.dumps())
        self._errors_left -= result.error is not None
        correct = result.correct(self._selection.rule.value)
        self._progress.ended(solved.tree.ledger.generated_tokens, result.error is not None, correct)
