"""The voters of a tree at a budget, with what the rules read of them. What a leaf says is read once a tree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from search.answers.answers import answers_of
from search.tree import Node, Tree
from search.tree.cost import Budget
from search.tree.electorate import electorate
from search.tree.scores import Array, Reduction


class _Said(NamedTuple):
    """A leaf's answer, and a hash of its whole solution."""

    answer: str | None
    solution: int


@dataclass
class _Known:
    """By a leaf's id: a reference to a node would keep its tree alive. A tree never drops a node."""

    said: dict[int, _Said] = field(default_factory=dict[int, _Said])
    values: dict[Reduction, dict[int, float | None]] = field(default_factory=dict[Reduction, dict[int, float | None]])


_KNOWN: WeakKeyDictionary[Tree, _Known] = WeakKeyDictionary()


class Voters:
    """Finished leaves of positive weight, lowest path first; `weights` and `total` as in `Electorate`."""

    def __init__(self, tree: Tree, budget: Budget | None = None) -> None:
        self.leaves, weights, self.total = electorate(tree, budget)
        self.weights = np.array(weights, dtype=np.float64)
        self._answers = answers_of(tree)
        self._known = _KNOWN.setdefault(tree, _Known())

    @cached_property
    def said(self) -> list[_Said]:
        known = self._known.said
        return [known.get(id(leaf)) or self._read(leaf) for leaf in self.leaves]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Places of leaves with equal answers."""
        return self._answers.group([said.answer for said in self.said])

    def answer(self, members: Sequence[int]) -> str:
        """A group's answer: its first leaf's."""
        return self.said[members[0]].answer or ""

    def values(self, reduction: Reduction) -> Array:
        """The reduced scores of each leaf's path, [N]; NaN where a score is missing."""
        known = self._known.values.setdefault(reduction, {})
        for leaf in self.leaves:
            if id(leaf) not in known:
                known[id(leaf)] = leaf.value(reduction)
        return np.array([known[id(leaf)] for leaf in self.leaves], dtype=np.float64)

    def firsts(self) -> Array:
        """[N]: one for the first leaf of each solution text, zero for its repetitions."""
        met: set[int] = set()
        return np.array([float(said.solution not in met and not met.add(said.solution)) for said in self.said])

    def _read(self, leaf: Node) -> _Said:
        text = leaf.text()
        said = self._known.said[id(leaf)] = _Said(self._answers.of(text), hash(text))
        return said
