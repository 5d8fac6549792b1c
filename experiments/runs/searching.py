"""Runs the searches of a sweep from what it says before the first one to the last one, or to where it is stopped."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from experiments.errors import INTERRUPTED
from experiments.runs.announcing import Held, agreed, can_ask, forecast, plan
from experiments.runs.graded import Graded
from experiments.runs.grid import Name
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder
from experiments.runs.status import ASKING, DONE, RUNNING, Status, write_status
from experiments.runs.stopping import Stop, until_stopped
from experiments.runs.tally import Tally
from experiments.runs.where import Where

MINUTE = 60.0
EARLY = 4  # until so large a part of all searches has ended, it may ask


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
        """Runs all of them; returns why where it is stopped. On a terminal it asks whether to go on with what is
        expected to take more than `confirm` minutes.
        """
        if self._watcher is not None:
            self._watcher.begin(self._tally)
        self._progress.say(plan(todo, self._tally))
        if confirm is not None and can_ask():
            stop = self._asking(todo, recorder, confirm * MINUTE)
        else:
            stop = self._phase(todo, recorder)
        self._write(stop.why if stop else DONE)
        return stop

    def _asking(self, todo: Sequence[Name], recorder: Recorder, seconds: float) -> Stop | None:
        """Runs all; where they are soon seen to take more than so many seconds, those that run end, and it asks."""
        held = Held(todo, lambda: self._early() and self._takes(seconds))
        if not self._takes(seconds) and (stop := self._phase(held, recorder)):
            return stop
        if not held.rest:
            return None
        self._write(ASKING)
        if (expected := self._tally.expected()) is not None:
            print(forecast(expected, self._tally.left))
        self._told = True
        return self._phase(held.rest, recorder) if agreed() else Stop("not confirmed", INTERRUPTED)

    def _early(self) -> bool:
        """Whether most is yet to come."""
        return EARLY * self._tally.done <= self._tally.total

    def _takes(self, seconds: float) -> bool:
        """Whether what is left is expected to take longer."""
        expected = self._tally.expected()
        return expected is not None and expected.seconds > seconds

    def _phase(self, todo: Sequence[Name], recorder: Recorder) -> Stop | None:
        """Runs some of them."""
        self._tell()
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
            self._progress.say(forecast(expected, self._tally.left))

    def _write(self, state: str) -> None:
        write_status(self._folder, Status.of(self._tally, state))
