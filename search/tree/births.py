"""The born nodes of a tree with their ledgers as columns: reads the tree at a budget in a few array steps."""

import math
from collections.abc import Iterable
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from search.tree.cost import Budget
from search.tree.node import Node


class Births:
    """The born nodes, [N], in the order given. Whoever keeps it makes a new one when a node is born."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        born = [(node, birth) for node in nodes if (birth := node.birth) is not None]
        self._ledgers = [birth for _, birth in born]
        # A list: the garbage collector does not look into arrays of objects, and a tree would never be freed.
        self._nodes = [node for node, _ in born]
        self._closed = np.array([not node.open for node, _ in born], dtype=np.bool_)
        self._columns: dict[str, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return len(self._ledgers)

    def nodes(self, limit: Budget) -> list[Node]:
        """Those judged within the limit, before any policy call that began after it was reached."""
        return list(compress(self._nodes, self._within(limit)))

    def leaves(self, limit: Budget) -> list[Node]:
        """The finished and truncated ones of `nodes`."""
        return list(compress(self._nodes, self._within(limit) & self._closed))

    def last_call(self, limit: Budget) -> float:
        """How many policy calls had been made when the limit was reached; infinity where it was not."""
        spent = np.zeros(len(self), dtype=np.bool_)
        for name, most in limit.limits().items():
            spent |= self._column(name, limit) >= most
        return float(self._column("policy_calls", limit)[spent].min(initial=math.inf))

    def _within(self, limit: Budget) -> NDArray[np.bool_]:
        within = self._column("policy_calls", limit) <= self.last_call(limit)
        for name, most in limit.limits().items():
            within &= self._column(name, limit) <= most
        return within

    def _column(self, name: str, limit: Budget) -> NDArray[np.float64]:
        """[N]: a figure of each ledger. Raises ValueError where it is limited and not known."""
        if name not in self._columns:
            self._columns[name] = np.array([getattr(ledger, name) for ledger in self._ledgers], dtype=np.float64)
        column = self._columns[name]
        if name == "flops" and np.isnan(column).any():
            limit.covers(self._ledgers[int(np.isnan(column).argmax())])
        return column
