"""Births as columns: which of many lie within a budget, in a few array steps."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.tree.cost import Budget, Ledger

Mask = NDArray[np.bool_]
Column = NDArray[np.float64]


class Births:
    """The ledgers at which nodes or events were born, [N]. They do not change."""

    def __init__(self, ledgers: Sequence[Ledger]) -> None:
        self._ledgers = ledgers
        self._columns: dict[str, Column] = {}
        self._firsts: dict[str, tuple[Column, Column]] = {}

    def __len__(self) -> int:
        return len(self._ledgers)

    def within(self, limit: Budget, last_call: float) -> Mask:
        """[N]: whether no limit is exceeded and no more than so many policy calls had been made.

        Raises ValueError where FLOPs are limited and not known.
        """
        within = self._column("policy_calls", limit) <= last_call
        for name, most in limit.limits().items():
            within &= self._column(name, limit) <= most
        return within

    def last_call(self, limit: Budget) -> float:
        """How many policy calls had been made when the limit was reached; infinity where it was not."""
        return min((self._first_call(name, most, limit) for name, most in limit.limits().items()), default=math.inf)

    def _first_call(self, name: str, most: float, limit: Budget) -> float:
        """The least number of policy calls among births at which the figure had reached `most`."""
        if name not in self._firsts:
            column, calls = self._column(name, limit), self._column("policy_calls", limit)
            order = np.argsort(column)
            self._firsts[name] = column[order], np.minimum.accumulate(calls[order[::-1]])[::-1]
        figures, calls = self._firsts[name]
        place = int(figures.searchsorted(most))
        return float(calls[place]) if place < len(calls) else math.inf

    def _column(self, name: str, limit: Budget) -> Column:
        if name not in self._columns:
            self._columns[name] = np.array([getattr(ledger, name) for ledger in self._ledgers], dtype=np.float64)
        column = self._columns[name]
        if name == "flops" and np.isnan(column).any():
            limit.covers(self._ledgers[int(np.isnan(column).argmax())])
        return column
