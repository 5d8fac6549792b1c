"""What an engine has spent, and the part of it that nobody received."""

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
    failed: what the searches were charged and `abandoned` add up to `total`. What an aborted request had computed
    before its first result, no engine tells.
    """

    def __init__(self) -> None:
        self.total = self.abandoned = NOTHING
        self._lock = threading.Lock()

    def done(self, work: Work, cost: Cost) -> None:
        """The work is done and cost this much."""
        with self._lock:
            work.cost = cost
            self.total += cost
            if work.abandoned:
                self.abandoned += cost

    def abandon(self, work: Work) -> None:
        """Nobody waits for the work any more; said again, it changes nothing."""
        with self._lock:
            if work.cost is not None and not work.abandoned:
                self.abandoned += work.cost
            work.abandoned = True

    def waste(self, cost: Cost) -> None:
        """So much was computed before a failure, and is lost."""
        with self._lock:
            self.total += cost
            self.abandoned += cost
