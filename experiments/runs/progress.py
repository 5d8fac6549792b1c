"""Progress of a sweep: on a terminal a bar with rate, accuracy so far and time left, elsewhere a line at intervals."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.terminal import duration
from search.waiting import WAITING, Waiting

T = TypeVar("T")

_QUIET_SECONDS = 30.0  # between two lines where there is no terminal
_SILENT_SECONDS = 60.0  # without an end, after which a line says what is waited for


def counted(items: Iterable[T], total: int, things: str, console: Console) -> Iterator[T]:
    """The items, with a bar or lines that count them."""
    with SweepProgress(total, console, things) as progress:
        for item in items:
            yield item
            progress.ended(None, False)


class SweepProgress:
    """Counts the searches that ended; a context manager."""

    def __init__(self, total: int, console: Console, things: str = "searches") -> None:
        self.total, self.done, self.tokens, self.errors = total, 0, 0, 0
        self._judged, self._right = 0, 0.0
        self._console, self._things, self._started = console, things, time.monotonic()
        self._last_line = self._last_end = self._started
        self._left: float | None = None  # when it was last stopped
        self.beat: Callable[[], None] = lambda: None
        """called every few seconds while it is watched"""
        self._bar = Progress(
            TextColumn(things),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(things, total=total, rate="")

    def __enter__(self) -> "SweepProgress":
        """Also again: what lay between does not count as time."""
        if self._left is not None:
            self._started += time.monotonic() - self._left
            self._last_line = self._last_end = time.monotonic()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._left = time.monotonic()

    async def watch(self, waiting: Waiting = WAITING) -> None:
        """Says what is waited for, whenever nothing has ended for a minute. Runs until it is cancelled."""
        said = time.monotonic()
        while True:
            await asyncio.sleep(_SILENT_SECONDS / 20)
            self.beat()
            now = time.monotonic()
            if now - max(self._last_end, said) >= _SILENT_SECONDS:
                said = now
                waits = [
                    f"the {who} ({wait.requests} requests, the oldest for {wait.seconds:.0f} s)"
                    for who, wait in waiting.now().items()
                ]
                silent = f"nothing has ended for {now - self._last_end:.0f} s"
                self.say(f"{silent}; waiting for {' and '.join(waits) or 'the searchers'}")

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text, highlight=False)

    def ended(self, tokens: int | None, failed: bool, correct: float | None = None) -> None:
        """Counts one more item that ended. `tokens` is the number it generated; None where it is unknown or unused."""
        self.done, self.tokens, self.errors = self.done + 1, self.tokens + (tokens or 0), self.errors + failed
        if correct is not None:
            self._judged, self._right = self._judged + 1, self._right + correct
        now = self._last_end = time.monotonic()
        seconds = max(now - self._started, 1e-9)
        rate = f"{self.done / seconds:.1f}/s" + f", {self.tokens / seconds:,.0f} tokens/s" * (tokens is not None)
        rate += f", {100 * self._right / self._judged:.0f} % right" if self._judged else ""
        rate += f", [red]{self.errors} failed[/red]" if self.errors else ""
        self._bar.update(self._task, advance=1, rate=rate)
        if self._console.is_terminal or (self.done < self.total and now - self._last_line < _QUIET_SECONDS):
            return
        self._last_line = now
        left = seconds / self.done * (self.total - self.done)
        when = f"{duration(left)} left" if self.done < self.total else f"in {duration(seconds)}"
        self._console.print(f"{self.done}/{self.total} {self._things}, {rate}, {when}", highlight=False)
