"""Who votes in a tree: the weights that a search gave its leaves, as they stood at a budget."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from search.tree.births import Births
from search.tree.cost import Budget, Ledger
from search.tree.event import Event
from search.tree.node import Node
from search.tree.scores import Array
from search.tree.tree import Tree

ELECTORATE = "electorate"
"""The event: `nodes`, `weights`, `round`, and `whole`, which forgets what was given before in that round."""


class Weights(NamedTuple):
    """The vote weights, [F], of a tree's finished leaves at a budget; zero where a leaf does not vote.

    `total` is the sum of all weights of the rounds' whole electorates, open nodes included; None where none was given.
    """

    weights: Array
    total: float | None


class Electorates:
    """A tree's finished leaves, lowest path first, [F], and all that was given to them, as arrays."""

    def __init__(self, tree: Tree) -> None:
        finished = [(leaf, leaf.birth) for leaf in tree.nodes() if leaf.finished and leaf.birth is not None]
        self.leaves = [leaf for leaf, _ in finished]
        self.births = Births([birth for _, birth in finished])
        events = [event for event in tree.record if event.name == ELECTORATE]
        self.changes = Births([event.birth for event in events])
        self._whole = np.array([event.data["whole"] for event in events], dtype=np.bool_)
        self._sums = [math.fsum(event.data["weights"]) if event.data["whole"] else 0.0 for event in events]
        rounds: dict[int, int] = {}
        numbers = [event.data.get("round", 0) for event in events]  # files of before have none
        self._rounds = np.array([rounds.setdefault(number, len(rounds)) for number in numbers], dtype=np.intp)
        self._last = np.zeros(len(rounds), dtype=np.intp)
        places = {leaf: place for place, leaf in enumerate(self.leaves)}
        given = [
            (number, places[node], weight)
            for number, event in enumerate(events)
            for node, weight in zip(event.data["nodes"], event.data["weights"], strict=True)
            if node in places
        ]
        self._event = np.array([number for number, _, _ in given], dtype=np.intp)
        of_round = self._rounds[self._event]
        self._entries = [np.flatnonzero(of_round == number) for number in range(len(rounds))]
        self._leaf = np.array([place for _, place, _ in given], dtype=np.intp)
        self._weight = np.array([weight for _, _, weight in given], dtype=np.float64)

    def at(self, tree: Tree, budget: Budget | None = None) -> Weights:
        """A leaf's last weight within the budget counts; whole electorates of different rounds add up. A leaf that was
        given none has weight one, or zero after a whole electorate. Where no finished leaf has a positive weight, each
        has weight one: a search that ends early, before any of its population has finished, still gives an answer.
        `budget` None is the tree's own.
        """
        born = tree.within(self.births, budget)
        counts = tree.within(self.changes, budget)
        # the last whole electorate of each round
        whole = np.flatnonzero(counts & self._whole)
        last = np.full_like(self._last, -1)
        last[self._rounds[whole]] = whole  # of several the last
        counts &= np.arange(len(counts)) >= last[self._rounds]
        # each round's last weight of each leaf
        given, named = np.zeros(len(born)), np.zeros(len(born), dtype=np.bool_)
        for first, entries in zip(last.tolist(), self._entries, strict=True):
            within = entries[counts[self._event[entries]]]
            leaves = self._leaf[within]
            before = given[leaves] if first >= 0 else 0.0
            given[leaves] = self._weight[within] + before  # of several of a leaf the last
            named[leaves] = True
        weights = np.where(named, given, 0.0 if len(whole) else 1.0)
        weights[~born] = 0.0
        if not weights.any():
            weights = born.astype(np.float64)
        counted: list[int] = last[last >= 0].tolist()
        total = math.fsum([self._sums[place] for place in counted]) if counted else None
        return Weights(weights, total)


class Given:
    """Writes the weights that one search gives: into the record, or into its last entry where nothing was spent since,
    so that votes which change for nothing do not fill it. Whole electorates stand alone.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._last: Event | None = None  # that others may join
        self._spent: Ledger | None = None
        self._places: dict[Node, int] = {}  # in the last event's lists

    def write(self, weights: Mapping[Node, float], whole: bool, number: int, birth: Ledger) -> None:
        """In round `number`. Raises ValueError, with the node, unless weights are finite and >= 0."""
        for node, weight in weights.items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"the vote weight of node {node.name} is {weight}; it must be finite and >= 0")
        last = self._last
        if last is not None and not whole and self._open_to_others(last, number):
            self._join(last.data["nodes"], last.data["weights"], weights)
            return
        values = [float(weight) for weight in weights.values()]
        data = {"nodes": list(weights), "weights": values, "whole": whole, "round": number}
        self._tree.record.append(event := Event(ELECTORATE, birth, data))
        self._last, self._spent = None if whole else event, self._tree.ledger
        self._places = {} if whole else {node: place for place, node in enumerate(weights)}

    def _open_to_others(self, last: Event, number: int) -> bool:
        record = self._tree.record
        stands_last = bool(record) and record[-1] is last
        return stands_last and last.data["round"] == number and self._spent == self._tree.ledger

    def _join(self, nodes: list[Node], values: list[float], weights: Mapping[Node, float]) -> None:
        for node, weight in weights.items():
            place = self._places.setdefault(node, len(nodes))
            if place == len(nodes):
                nodes.append(node)
                values.append(0.0)
            values[place] = float(weight)
        self._tree.changed()
