"""Who may search now: a number of searches run, a number wait, all others are told to come back later."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from experiments.serving.refusals import LATER, Refusal

_LONGEST = 120  # seconds that a client is told to wait at most


class Gate:
    """Places for `running` and `waiting` searches; a search that has waited for `patience` seconds is refused."""

    def __init__(self, running: int, waiting: int, patience: float) -> None:
        self._most, self._patience = running + waiting, patience
        self._running = running
        self._turns = asyncio.Semaphore(running)
        self._mean = float(LATER)
        self.closing = False
        """no new search begins, because the server ends"""
        self.broken = False
        """an engine has ended: no search can"""
        self.places = self.searching = 0

    @property
    def waiting(self) -> int:
        return self.places - self.searching

    def take(self) -> None:
        """Takes a place. Raises Refusal: 429 where there is none, 503 where the server ends or an engine has ended."""
        if self.closing:
            raise Refusal(503, "the server is about to end", code="closing", after=LATER)
        if self.broken:
            raise Refusal(503, "an engine has ended; the server has to be started again", code="engine_ended", after=60)
        if self.places >= self._most:
            raise Refusal(429, f"all {self._most} places are taken", code="queue_full", after=self._until_free())
        self.places += 1

    def leave(self) -> None:
        """Gives a place back."""
        self.places -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[float]:
        """Waits until a search may begin; yields the seconds that took. Raises Refusal where it took too long."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            why = f"no search ended within {self._patience:g} s"
            raise Refusal(503, why, code="waited_too_long", after=self._until_free()) from None
        turn = time.monotonic()
        self.searching += 1
        try:
            yield turn - began
        finally:
            self.searching -= 1
            self._turns.release()
            self._mean = 0.8 * self._mean + 0.2 * (time.monotonic() - turn)

    def _until_free(self) -> float:
        """Seconds until about half of those who wait have begun."""
        return min(_LONGEST, max(1.0, self._mean * (1 + self.waiting / self._running / 2)))
