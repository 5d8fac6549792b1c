"""Runs a sweep's searches; each is graded and written as it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

from experiments.errors import RunError
from experiments.runs.appending import Lines
from experiments.runs.graded import Graded, graded
from experiments.runs.grid import Name
from experiments.runs.progress import SweepProgress
from experiments.runs.tree_files import file_name, write_tree
from search.answers.selection import Selection
from search.errors import WorkerDied
from search.solve import Job, Solved, solve_all

FIRST = 20  # searches: where all of them fail, on more than one problem, the others would fail as well
_JUDGED_AT_ONCE = 64  # ended searches that are being graded, whose trees are still in memory


class Recorder:
    """Writes a line of results for each search, and its tree where `trees` names a folder; keeps none in memory.

    The run ends once more than `max_errors` searches have failed, including the `errors` of the resumed run; where
    that is None, once the first FIRST have all failed. `ended` is told of each search that was written.
    """

    def __init__(
        self,
        lines: Lines,
        trees: Path | None,
        selection: Selection,
        progress: SweepProgress,
        max_errors: int | None = None,
        errors: int = 0,
        ended: Callable[[Name, Graded], None] = lambda name, kept: None,
    ) -> None:
        self._lines, self._trees, self._selection, self._progress = lines, trees, selection, progress
        self._max_errors, self._errors, self._also = max_errors, errors, ended
        self._failing: set[str] | None = set()  # the problems on which searches have failed; None once one has not
        self._ended, self._last_error = 0, ""
        self._writing: dict[int, Solved] = {}  # those that ended and are not written, by id
        self._late: list[Solved] = []

    async def run(self, work: Iterable[Job], concurrency: int) -> None:
        """Runs all jobs. Where it is cancelled or an engine dies, the searches that have ended are still written.

        Raises RunError where a result cannot be written or too many searches have failed, and WorkerDied where an
        engine has died: all other searches would fail as well, so none of them is written as failed.
        """
        writing: set[asyncio.Task[None]] = set()
        late = self._late
        watching = asyncio.create_task(self._progress.watch())
        try:
            async with aclosing(solve_all(work, concurrency, late)) as ended:  # pyright: ignore[reportArgumentType]
                async for solved in ended:
                    if isinstance(solved.error, WorkerDied):
                        raise solved.error
                    self._writing[id(solved)] = solved
                    writing.add(asyncio.create_task(self._write(solved)))
                    if len(writing) >= _JUDGED_AT_ONCE:
                        await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
                    for task in [task for task in writing if task.done()]:
                        writing.remove(task)
                        task.result()
                    self._check_errors()
        finally:
            if _loop_runs():  # else a second Ctrl-C has ended it: see write_rest
                watching.cancel()
                rest = [*writing, *map(self._write, self._ended_late())]
                for outcome in await asyncio.gather(*rest, return_exceptions=True):  # all that can be written is
                    if isinstance(outcome, BaseException):
                        raise outcome

    async def run_elsewhere(self, work: Callable[[Callable[[Name, Graded], None]], Awaitable[None]]) -> None:
        """Records what `work` gives to its argument, searches that were graded elsewhere. Raises RunError as `run`."""

        def record(name: Name, kept: Graded) -> None:
            self._record(name, kept)
            self._check_errors()

        watching = asyncio.create_task(self._progress.watch())
        try:
            await work(record)
        finally:
            if _loop_runs():
                watching.cancel()

    async def write_rest(self) -> None:
        """Writes what had ended and is not written, where a second Ctrl-C has ended the loop of `run` before it was."""
        for solved in [*self._writing.values(), *self._ended_late()]:
            await self._write(solved)

    def _ended_late(self) -> list[Solved]:
        """Those that ended while the run was cancelled, each given once."""
        late = [solved for solved in self._late if not isinstance(solved.error, WorkerDied)]
        self._late.clear()
        self._writing |= {id(solved): solved for solved in late}
        return late

    def _check_errors(self) -> None:
        if self._max_errors is not None and self._errors > self._max_errors:
            raise RunError(f"more than max_errors={self._max_errors} searches have failed")
        if self._max_errors is None and self._ended >= FIRST and self._failing and len(self._failing) > 1:
            raise RunError(f"the first {self._ended} searches have all failed, the last with {self._last_error}")

    async def _write(self, solved: Solved) -> None:
        name: Name = solved.job.name
        kept = await asyncio.to_thread(graded, solved, name, self._selection, self._trees is not None)
        self._record(name, kept)
        self._writing.pop(id(solved), None)

    def _record(self, name: Name, kept: Graded) -> None:
        if self._trees is not None and kept.tree is not None:
            write_tree(self._trees / file_name(name), kept.tree)
        self._lines.append(kept.line)
        self._ended += 1
        self._errors += kept.error is not None
        if kept.error is None:
            self._failing = None
        elif self._failing is not None:
            self._failing.add(kept.problem)
            self._last_error = kept.error
        self._also(name, kept)
        self._progress.ended(kept.ledger.generated_tokens, kept.error is not None, kept.correct)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
        return True
    except RuntimeError:
        return False
