"""Runs the searches of a sweep from what it says before the first one to the last one, or to where it is stopped."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from experiments.errors import INTERRUPTED
from experiments.runs.announcing import agreed, forecast, is_terminal, pilot, plan
from experiments.runs.graded import Graded
from experiments.runs.grid import Name
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder
from experiments.runs.status import ASKING, DONE, RUNNING, Status, write_status
from experiments.runs.stopping import Stop, until_stopped
from experiments.runs.tally import Tally
from experiments.runs.where import Where

MINUTE = 60.0


class Watcher(Protocol):
    """Somebody else who is told of the searches."""

    def begin(self, tally: Tally) -> None: ...

    def ended(self, name: Name, kept: Graded) -> None: ...


class Searching:
    """The searches of one command. `tally` counts them, `progress` shows them, `folder` says how far they are."""

    def __init__(
        self, where: Where, folder: Path, tally: Tally, progress: SweepProgress, watcher: Watcher | None = None
    ) -> None:
        self._where, self._folder, self._tally, self._progress = where, folder, tally, progress
        self._watcher, self._told = watcher, False
        progress.beat = lambda: self._write(RUNNING)

    def ended(self, name: Name, kept: Graded) -> None:
        """To be told of each search that was written. Says what is expected once something is known of all cells."""
        self._tally.ended(name.cell.key, kept.ledger, kept.error is not None)
        if self._watcher is not None:
            self._watcher.ended(name, kept)
        self._tell()

    def run(self, todo: Sequence[Name], recorder: Recorder, confirm: float | None) -> Stop | None:
        """Runs all of them; returns why where it is stopped. On a terminal it asks first whether to run what is
        expected to take more than `confirm` minutes.
        """
        if self._watcher is not None:
            self._watcher.begin(self._tally)
        self._progress.say(plan(todo, self._tally))
        if confirm is not None and is_terminal():
            stop = self._confirmed(todo, recorder, confirm)
        else:
            stop = self._all(todo, recorder)
        self._write(stop.why if stop else DONE)
        return stop

    def _all(self, todo: Sequence[Name], recorder: Recorder) -> Stop | None:
        self._tell()
        return self._phase(todo, recorder)

    def _confirmed(self, todo: Sequence[Name], recorder: Recorder, minutes: float) -> Stop | None:
        """The first searches tell what the others will cost, where no earlier ones do."""
        first = pilot(todo, self._tally)
        if first and (stop := self._phase(first, recorder)):
            return stop
        expected = self._tally.expected()
        if expected is not None and expected.latest > minutes * MINUTE:
            self._write(ASKING)
            print(forecast(expected))
            self._told = True
            if not agreed():
                return Stop("not confirmed", INTERRUPTED)
        ran = {name.key for name in first}
        rest = [name for name in todo if name.key not in ran]
        return self._all(rest, recorder)

    def _phase(self, todo: Sequence[Name], recorder: Recorder) -> Stop | None:
        """Runs some of them."""
        self._write(RUNNING)
        self._tally.begin()
        try:
            with self._progress:
                stop = until_stopped(self._where.run(todo, recorder))
                if stop and stop.code == INTERRUPTED:
                    asyncio.run(recorder.write_rest())
                return stop
        finally:
            self._tally.pause()

    def _tell(self) -> None:
        """Says once what is expected, as soon as it is."""
        if not self._told and (expected := self._tally.expected()) is not None:
            self._told = True
            self._progress.say(forecast(expected))

    def _write(self, state: str) -> None:
        write_status(self._folder, Status.of(self._tally, state))
