"""Who votes in a tree: the weights that a search gave its leaves, as they stood at a budget."""

import math
from typing import NamedTuple

from search.tree.cost import Budget
from search.tree.node import Node
from search.tree.tree import Tree

ELECTORATE = "electorate"
"""The event: `nodes` by their paths, `weights`, `whole`, which forgets what was given before, and `repeats`."""


class Electorate(NamedTuple):
    """Finished leaves of positive weight, lowest path first, and their weights, [N] each.

    `once`, [N], are the weights without repeated samples: at most one where the weights count those.
    `total` is the sum of all weights of a whole electorate, open nodes included; None where none was given.
    """

    leaves: list[Node]
    weights: list[float]
    once: list[float]
    total: float | None


def electorate(tree: Tree, budget: Budget | None = None) -> Electorate:
    """A leaf's last weight within the budget counts. One that was given none has weight one, or zero after a whole
    electorate. `budget` None is the tree's own.
    """
    events = tree.events(ELECTORATE, budget)
    start = max((place for place, event in enumerate(events) if event.data["whole"]), default=None)
    total = None if start is None else math.fsum(events[start].data["weights"])
    given: dict[Node, tuple[float, float]] = {}
    for event in events[start or 0 :]:
        for path, weight in zip(event.data["nodes"], event.data["weights"], strict=True):
            given[tree[tuple(path)]] = (weight, min(weight, 1.0) if event.data["repeats"] else weight)
    unnamed = (1.0, 1.0) if total is None else (0.0, 0.0)
    weighed = [(leaf, *given.get(leaf, unnamed)) for leaf in tree.leaves(budget) if leaf.finished]
    voters = [entry for entry in weighed if entry[1] > 0]
    leaves, weights, once = [v[0] for v in voters], [v[1] for v in voters], [v[2] for v in voters]
    return Electorate(leaves, weights, once, total)
