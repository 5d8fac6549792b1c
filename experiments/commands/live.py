"""Rewrites the page of a run while its sweep runs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.errors import INTERRUPTED
from experiments.runs.atomic import atomic_file
from experiments.runs.following import Following
from experiments.runs.status import ASKING, Status, read_status
from experiments.terminal import duration, note

SILENCE = 30.0  # seconds without a word of a sweep, which says something every three seconds
_SPARING = 5.0  # drawing takes at most about one in so many seconds


class Clock:
    """The time, and waiting."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Live:
    """Watches the folder of a run, and writes its page `out` every so many seconds."""

    def __init__(self, folder: Path, out: Path, every: float, clock: Clock | None = None) -> None:
        self._folder, self._out, self._every, self._clock = folder, out, every, clock or Clock()
        self._following = Following(folder)
        self._status: Status | None = None
        self._heard = self._clock.now()  # when the sweep's last word was seen
        self._said = 0.0  # seconds of silence at which the user was last told of it
        self._new, self._next = True, 0.0  # whether there is something to draw, and when it may be drawn
        self._view: Any = None

    def run(self, finish: Callable[[], None]) -> int:
        """Ends once the sweep has ended, with the page that `finish` writes; returns the exit code."""
        note(f"{self._out}: written every {self._every:g} s until the sweep has ended; Ctrl-C ends it")
        if not self._folder.is_dir():
            note(f"{self._folder}: no such folder; waiting for its sweep")
        try:
            while not self._look():
                if self._folder.is_dir():
                    self._write(self._every)
                self._clock.sleep(self._every)
            if self._view is not None:
                self._write(self._every)
            if self._status is not None and self._status.done < self._status.total:
                note(f"stopped ({self._status.state}); stepsearch sweep run={self._folder} goes on")
            finish()
            return 0
        except KeyboardInterrupt:
            if self._view is not None:
                self._write(None)
                note(f"{self._out} stays as it is; without live= the command writes the whole report")
            return INTERRUPTED

    def _look(self) -> bool:
        """Reads what is new; whether the sweep has ended. A run that no sweep of this version wrote has."""
        self._new |= self._following.read()
        now, status = self._clock.now(), read_status(self._folder)
        if status != self._status:
            self._status, self._heard, self._said = status, now, 0.0
        if status is None:
            return bool(self._following.results)
        silent = self._silent(now)
        if silent is not None and silent > 2 * self._said and not status.over:
            self._said = silent
            note(self._silence(silent, now))
        return status.over

    def _silent(self, now: float) -> float | None:
        """Seconds for which nothing was heard of the sweep; None while that is usual, as where it waits for a reply."""
        silent = now - self._heard
        speaks = self._status is not None and self._status.state != ASKING
        return silent if speaks and silent > max(SILENCE, 3 * self._every) else None

    def _silence(self, silent: float, now: float) -> str:
        grown = self._following.grown
        last = "it has no result" if grown is None else f"its last result is {duration(max(0.0, now - grown))} old"
        return (
            f"{self._folder}: nothing was heard of the sweep for {duration(silent)}, and {last}; if it was killed, "
            f"stepsearch sweep run={self._folder} goes on with it, and this page with that; Ctrl-C ends this"
        )

    def _write(self, every: float | None) -> None:
        """The page; curve and table are drawn anew where there is something new, and not too often."""
        from experiments.reports.page.live import Moment, live_page, view  # loads matplotlib

        began = self._clock.now()
        if self._view is None or (self._new and began >= self._next and every is not None):
            self._view, self._new = view(self._folder, self._following.results), False
            now = self._clock.now()
            self._next = now + _SPARING * (now - began)
        now, grown = self._clock.now(), self._following.grown
        moment = Moment(now, every, self._silent(now), None if grown is None else max(0.0, now - grown))
        with atomic_file(self._out, "out=") as file:
            file.write(live_page(self._folder, self._status, self._view, moment).encode("utf-8", "replace"))
