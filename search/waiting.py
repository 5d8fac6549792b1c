"""The requests that policies and scorers have not answered yet, for who asks why nothing happens."""

import itertools
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple


class Wait(NamedTuple):
    """How many requests are open, and for how many seconds the oldest has been."""

    requests: int
    seconds: float


class Waiting:
    """The open requests of all searches of this process."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, tuple[str, float]] = {}

    @contextmanager
    def on(self, who: str) -> Generator[None]:
        """Counts a request to `who`, policy or scorer, while the block runs."""
        number = next(self._numbers)
        self._open[number] = (who, time.monotonic())
        try:
            yield
        finally:
            del self._open[number]

    def now(self) -> dict[str, Wait]:
        """By who is waited for."""
        waits: dict[str, Wait] = {}
        for who, since in self._open.values():  # the oldest first
            before = waits.get(who, Wait(0, time.monotonic() - since))
            waits[who] = before._replace(requests=before.requests + 1)
        return waits


WAITING = Waiting()
