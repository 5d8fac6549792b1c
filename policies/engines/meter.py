"""The cost of an engine's work, and the part of it that nobody received."""

import threading
from dataclasses import dataclass

from search.tree.cost import NOTHING, Cost


@dataclass(eq=False, kw_only=True)
class Work:
    """One piece of work; `cost` is None until it is done, `abandoned` once nobody waits for it any more."""

    cost: Cost | None = None
    abandoned: bool = False


class Meter:
    """Counts work as threads do it and searches stop waiting for it.

    `total` is what all work has cost. `abandoned` is the part that went to no search, because the search was stopped or
    failed: the charges of all searches and `abandoned` add up to `total`. No engine reports what an aborted request
    computed before its first result.
    """

    def __init__(self) -> None:
        self.total = self.abandoned = NOTHING
        self._lock = threading.Lock()

    def done(self, work: Work, cost: Cost) -> None:
        """Records the cost of finished work."""
        with self._lock:
            work.cost = cost
            self.total += cost
            if work.abandoned:
                self.abandoned += cost

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
