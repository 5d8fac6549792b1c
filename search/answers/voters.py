"""The voters of a tree at a budget, with what the rules read of them. What a leaf says is read once a tree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from search.answers.answers import answers_of
from search.tree import Node, Tree
from search.tree.cost import Budget
from search.tree.electorate import Electorates
from search.tree.marks import mark
from search.tree.scores import Array, Kind, Reduction

Indices = NDArray[np.intp]


class _Said(NamedTuple):
    """A leaf's answer, and a hash of its whole solution."""

    answer: str | None
    solution: int


@dataclass
class _Known:
    """By a leaf's id: a reference to a node would keep its tree alive. A tree never drops a node."""

    said: dict[int, _Said] = field(default_factory=dict[int, _Said])
    values: dict[Reduction, dict[int, float | None]] = field(default_factory=dict[Reduction, dict[int, float | None]])
    reading: object = None
    """how `said` was read"""


_KNOWN: WeakKeyDictionary[Tree, _Known] = WeakKeyDictionary()


class _Leaves:
    """All finished leaves of a tree as it is now, lowest path first, [F]."""

    def __init__(self, tree: Tree) -> None:
        self.nodes = tree.kept(Electorates).leaves
        self.reading = answers_of(tree)
        self._known = _KNOWN.setdefault(tree, _Known())
        if self._known.reading != self.reading:
            self._known.said.clear()
            self._known.reading = self.reading
        self._values: dict[Any, Array] = {}
        self._grouped: tuple[bytes, Indices] | None = None

    @cached_property
    def _said(self) -> list[_Said]:
        known = self._known.said
        return [known.get(id(leaf)) or self._read(leaf) for leaf in self.nodes]

    def _read(self, leaf: Node) -> _Said:
        text = leaf.text()
        said = self._known.said[id(leaf)] = _Said(self.reading.of(text), hash(text))
        return said

    @cached_property
    def texts(self) -> list[str]:
        """The different texts of answers."""
        return list(dict.fromkeys(said.answer for said in self._said if said.answer is not None))

    @cached_property
    def answers(self) -> Indices:
        """[F]: the place of each leaf's answer in `texts`, -1 where it has none."""
        places: dict[str | None, int] = {text: place for place, text in enumerate(self.texts)}
        return np.array([places.get(said.answer, -1) for said in self._said], dtype=np.intp)

    @cached_property
    def solutions(self) -> Indices:
        """[F]: a number for each different text of a whole solution."""
        numbers: dict[int, int] = {}
        return np.array([numbers.setdefault(said.solution, len(numbers)) for said in self._said], dtype=np.intp)

    def values(self, reduction: Reduction) -> Array:
        """[F]: the reduced scores of each leaf's path; NaN where a score is missing."""
        if reduction not in self._values:
            known = self._known.values.setdefault(reduction, {})
            for leaf in self.nodes:
                if id(leaf) not in known:
                    known[id(leaf)] = leaf.value(reduction)
            self._values[reduction] = np.array([known[id(leaf)] for leaf in self.nodes], dtype=np.float64)
        return self._values[reduction]

    def marks(self, name: str, kind: Kind, reduction: Reduction | None) -> Array:
        """[F]: the reduced marks of that name of each leaf; NaN where it has none."""
        if (name, kind, reduction) not in self._values:
            marks = [mark(leaf, name, kind, reduction) for leaf in self.nodes]
            self._values[name, kind, reduction] = np.array(marks, dtype=np.float64)
        return self._values[name, kind, reduction]

    def firsts(self, order: Indices) -> Indices:
        """For each text, the place of the first of those that equal it; `order` are the texts, and -1 stays -1."""
        key = order.tobytes()
        if self._grouped is None or self._grouped[0] != key:
            firsts = np.full(len(self.texts) + 1, -1, dtype=np.intp)
            places: list[int] = order.tolist()
            for members in self.reading.group([self.texts[place] for place in places]):
                firsts[order[members]] = order[members[0]]
            self._grouped = key, firsts
        return self._grouped[1]


class Voters:
    """Finished leaves of positive weight at a budget, lowest path first; `total` as in `Weights`."""

    def __init__(self, tree: Tree, budget: Budget | None = None) -> None:
        weights, self.total = tree.kept(Electorates).at(tree, budget)
        kept = tree.kept(_Leaves)
        self._all = kept if kept.reading == answers_of(tree) else _Leaves(tree)
        self.places: Indices = np.flatnonzero(weights)
        """[N], among all finished leaves of the tree"""
        self.weights = weights[self.places]
        """[N]"""

    @cached_property
    def leaves(self) -> list[Node]:
        """[N]"""
        return [self._all.nodes[place] for place in self.places.tolist()]

    def spread(self, values: NDArray[Any], fill: float) -> NDArray[Any]:
        """[F]: the values, [N], at the voters' places among all finished leaves, and `fill` at the others."""
        spread = np.full(len(self._all.nodes), fill, dtype=values.dtype)
        spread[self.places] = values
        return spread

    def same(self, other: "Voters") -> bool:
        """Whether the same leaves of the same tree vote with the same weights."""
        same = np.array_equal(self.places, other.places) and np.array_equal(self.weights, other.weights)
        return same and self.total == other.total

    @cached_property
    def labels(self) -> Indices:
        """[N]: one number for equal answers, that of the first one's text; -1 where a leaf has no answer."""
        answers = self._all.answers[self.places]
        firsts = _first_places(answers, len(self._all.texts))
        met = np.flatnonzero(firsts < len(answers))
        return self._all.firsts(met[firsts[met].argsort()])[answers]

    @cached_property
    def ballots(self) -> Indices:
        """[F]: the label of the answer that each finished leaf votes for; -1 where it votes for none."""
        return self.spread(self.labels, -1)

    @cached_property
    def groups(self) -> list[list[int]]:
        """Places of voters with equal answers, groups and members in order of appearance."""
        groups: dict[int, list[int]] = {}
        for place, label in enumerate(self.labels.tolist()):
            if label >= 0:
                groups.setdefault(label, []).append(place)
        return list(groups.values())

    def answer(self, members: Sequence[int]) -> str:
        """A group's answer: its first leaf's."""
        return self.text(int(self.labels[members[0]]))

    def text(self, label: int) -> str:
        """The first one's of equal answers."""
        return self._all.texts[label]

    def values(self, reduction: Reduction) -> Array:
        """[N]: the reduced scores of each one's path; NaN where a score is missing."""
        return self._all.values(reduction)[self.places]

    def marks(self, name: str, kind: Kind, reduction: Reduction | None) -> Array:
        """[N]: the reduced marks of that name; NaN where there are none."""
        return self._all.marks(name, kind, reduction)[self.places]

    def firsts(self) -> Array:
        """[N]: one for the first of each solution text, zero for its repetitions."""
        solutions = self._all.solutions
        numbers = solutions[self.places]
        first = _first_places(numbers, len(solutions))
        return (first[numbers] == np.arange(len(numbers))).astype(np.float64)


def _first_places(numbers: Indices, count: int) -> Indices:
    """For each number below `count` its first place in `numbers`, [N], or N where it is not there. -1 is none."""
    firsts = np.full(count + 1, len(numbers), dtype=np.intp)
    firsts[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several the last that is written, which is the first
    return firsts[:count]
