"""What a sweep has done and what is left of it, by cell: what it will cost, and how long it will take."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from experiments.runs.grid import Name
from experiments.runs.results import CellKey, Result
from search.tree.cost import Ledger


class Expected(NamedTuple):
    """What is left will take: `tokens` generated, None where a policy tells none, and seconds."""

    tokens: float | None
    seconds: float


class _Costs:
    """Sums over the searches of a cell."""

    def __init__(self) -> None:
        self.searches, self.seconds = 0, 0.0
        self.tokens: int | None = 0

    def add(self, ledger: Ledger) -> None:
        self.searches, self.seconds = self.searches + 1, self.seconds + ledger.seconds
        self.tokens = _sum(self.tokens, ledger.generated_tokens)


def _sum(sofar: int | None, more: int | None) -> int | None:
    return None if sofar is None or more is None else sofar + more


class Tally:
    """Counts the searches of a sweep as they end. `at_once` is how many run beside each other.

    Costs of failed searches tell nothing of others.
    """

    def __init__(
        self,
        todo: Iterable[Name],
        kept: Iterable[Result],
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.at_once, self._clock = at_once, clock
        self._left = Counter(name.cell.key for name in todo)
        self.total = self._left.total()
        """searches of this command"""
        self.before = self.failed_before = 0
        """searches that had ended before it"""
        self.done = self.failed = 0
        self.tokens: int | None = 0
        """that were generated; None where a policy does not tell them"""
        self._earlier: dict[CellKey, _Costs] = {}
        self._costs: dict[CellKey, _Costs] = {}
        self._began: float | None = None
        self._elapsed = 0.0
        for result in kept:
            self.before, self.failed_before = self.before + 1, self.failed_before + (result.error is not None)
            if result.error is None:
                _add(self._earlier, result.cell, result.ledger)

    @property
    def left(self) -> int:
        return self.total - self.done

    @property
    def in_flight(self) -> int:
        """How many searches run now."""
        return 0 if self._began is None else min(self.at_once, self.left)

    @property
    def elapsed(self) -> float:
        """Seconds that searches have run."""
        return self._elapsed + (0.0 if self._began is None else self._clock() - self._began)

    @property
    def searches_per_second(self) -> float:
        return self.done / self.elapsed if self.elapsed else 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """None where the policy tells no tokens."""
        return None if self.tokens is None else self.tokens / self.elapsed if self.elapsed else 0.0

    def begin(self) -> None:
        """The clock runs from here on."""
        self._began = self._clock()

    def pause(self) -> None:
        """The clock stands still."""
        self._elapsed, self._began = self.elapsed, None

    def ended(self, cell: CellKey, ledger: Ledger, failed: bool) -> None:
        """Counts a search."""
        self.done, self.failed = self.done + 1, self.failed + failed
        self.tokens = _sum(self.tokens, ledger.generated_tokens)
        self._left[cell] -= 1
        if not failed:
            _add(self._costs, cell, ledger)

    def expected(self) -> Expected | None:
        """What the searches that are left will cost; None where nothing is left, or nothing known of some cell.

        All places are taken to be filled, and searches to cost what those of the same cell have cost: of this command
        where there are some, for it may run more beside each other than an earlier one. As the short ones end first, it
        will rather be more.
        """
        work, tokens = 0.0, 0.0
        for cell, left in self._left.items():
            if left <= 0:
                continue
            if (costs := self._costs.get(cell) or self._earlier.get(cell)) is None:
                return None
            work += left * costs.seconds / costs.searches
            tokens += math.nan if costs.tokens is None else left * costs.tokens / costs.searches
        if not self.left:
            return None
        return Expected(None if math.isnan(tokens) else tokens, work / min(self.at_once, self.left))


def _add(costs: dict[CellKey, _Costs], cell: CellKey, ledger: Ledger) -> None:
    costs.setdefault(cell, _Costs()).add(ledger)
