"""The cost of an engine's work, and the part of it that nobody received."""

import asyncio
import threading
from collections.abc import Awaitable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from search.protocols import Stopped
from search.tree.cost import NOTHING, Cost


@dataclass(eq=False, kw_only=True)
class Work:
    """One piece of work; `cost` is None until it is done, `abandoned` once nobody waits for it any more."""

    cost: Cost | None = None
    abandoned: bool = False
    at_least: bool = False
    """it may have cost more: the engine cannot tell"""
    run: "Future[None]" = field(default_factory=Future[None])
    """pending until an engine begins with the work, then running until its cost is known"""


class Meter:
    """Counts work as threads do it and searches stop waiting for it.

    `total` is what all work has cost. `abandoned` is the part that went to no search, because a batch or search failed
    or nobody could wait: the charges of all searches and `abandoned` add up to `total`. No engine reports what an
    aborted request computed before its first result.
    """

    def __init__(self) -> None:
        self.total = self.abandoned = NOTHING
        self._lock = threading.Lock()

    def begins(self, work: Work) -> bool:
        """Whether to begin with the work; False where it is done, or was stopped before."""
        return not work.run.done() and work.run.set_running_or_notify_cancel()

    def done(self, work: Work, cost: Cost) -> None:
        """Records the cost of finished work."""
        with self._lock:
            work.cost = cost
            self.total += cost
            if work.abandoned:
                self.abandoned += cost
        if not work.run.done():
            work.run.set_result(None)

    def abandon(self, work: Work) -> None:
        """Nobody waits for the work any more. Idempotent."""
        with self._lock:
            if work.cost is not None and not work.abandoned:
                self.abandoned += work.cost
            work.abandoned = True

    def waste(self, cost: Cost) -> None:
        """Adds the cost of work that a failure lost."""
        with self._lock:
            self.total += cost
            self.abandoned += cost

    def fail(self, work: Work, cost: Cost) -> None:
        """A failure lost what the work had cost; it may begin anew."""
        self.waste(cost)
        failed, work.run = work.run, Future()
        failed.set_result(None)

    async def stop(self, works: Sequence[Work]) -> None:
        """Abandons the works, and waits until those that had begun have stopped. The others never begin."""
        for work in works:
            self.abandon(work)
        runs = [work.run for work in works]
        running = [asyncio.wrap_future(run) for run in runs if not run.cancel() and not run.done()]
        if running:
            await asyncio.wait(running)

    async def settle(self, works: Sequence[Work], doing: Awaitable[object]) -> None:
        """Awaits what does the works. Cancelled, it stops them and waits for that; where it fails, it abandons them."""
        try:
            await doing
        except asyncio.CancelledError:
            await self.stop(works)
            raise
        except BaseException:
            for work in works:
                self.abandon(work)
            raise

    def reclaim(self, works: Sequence[Work]) -> Stopped:
        """What to raise for a request whose works were stopped: their cost goes to its search instead."""
        with self._lock:
            stopped = [work for work in works if work.abandoned and work.cost is not None]
            cost = sum((work.cost or NOTHING for work in stopped), NOTHING)
            for work in stopped:
                work.abandoned = False
            self.abandoned = _minus(self.abandoned, cost)
        at_least = any(work.at_least or work.run.running() for work in works)
        return Stopped(cost._replace(calls=1), at_least)


def _minus(cost: Cost, part: Cost) -> Cost:
    counts = (all_of_it - some for all_of_it, some in zip(cost[:4], part[:4], strict=True))
    flops = None if cost.flops is None or part.flops is None else cost.flops - part.flops
    return Cost(*counts, flops=flops)
