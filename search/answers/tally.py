"""The leading answers of a tree under one selection, at one budget after another."""

import math

import numpy as np

from search.answers.selection import Selection, combine, lots, rounded
from search.answers.voters import Indices, Voters
from search.tree import Tree
from search.tree.scores import Array


class Tally:
    """Counts as `Selection.count` does. Only those answers are weighed anew of which a leaf votes otherwise than it did
    at the budget before; the tree stays as it is.
    """

    def __init__(self, tree: Tree, selection: Selection) -> None:
        self._tree, self._selection = tree, selection
        self._labels: Indices | None = None
        """[F]: for which answer each finished leaf votes, by label; -1 where for none"""
        self._weighed: Array | None = None
        """[F]: what it brings to that answer"""
        self._weights: dict[int, float] = {}
        """of each answer, by label, to ten digits"""
        self._lots: dict[int, int] = {}

    def leaders(self, voters: Voters) -> dict[str, int]:
        """The answers that share the highest weight, and how many lots each of them has (as in `Ballot.tied`)."""
        if (voters.ballots >= 0).any():
            weighed = voters.spread(self._selection.weigh(self._tree, voters), 0.0)
        else:
            weighed = np.zeros(len(voters.ballots))
        self._count(voters.ballots, weighed)
        weights = list(self._weights.values())
        top = max(weights, default=0.0)
        if math.isnan(sum(weights)):
            tied = self._selection.count(self._tree, voters).tied
            return {answer: tied.count(answer) for answer in tied}
        if weights.count(top) == 1:
            label = list(self._weights)[weights.index(top)]
            return {voters.text(label): self._lots[label]}
        return {voters.text(label): self._lots[label] for label, weight in self._weights.items() if weight == top}

    def _count(self, labels: Indices, weighed: Array) -> None:
        before, weighed_before = self._labels, self._weighed
        if before is None or weighed_before is None:
            before, weighed_before = np.full_like(labels, -1), np.zeros_like(weighed)
        changed = np.flatnonzero((labels != before) | (weighed != weighed_before))
        for label in {*labels[changed].tolist(), *before[changed].tolist()} - {-1}:
            theirs = weighed[labels == label]
            if len(theirs):
                weight = combine(self._selection.rule, theirs)
                self._weights[label] = rounded(weight)
                self._lots[label] = len(lots(self._selection.rule, theirs, weight))
            else:
                del self._weights[label], self._lots[label]
        self._labels, self._weighed = labels, weighed
