"""Who votes in a tree: the weights that a search gave its leaves, as they stood at a budget."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from search.tree.cost import Budget
from search.tree.node import Node
from search.tree.tree import Tree

ELECTORATE = "electorate"
"""The event: `nodes`, `weights`, `whole`, which forgets what was given before, and `repeats`."""


class Electorate(NamedTuple):
    """Finished leaves of positive weight, lowest path first, and their weights, [N] each.

    `once`, [N], are the weights without repeated samples: at most one where the weights count those.
    `total` is the sum of all weights of a whole electorate, open nodes included; None where none was given.
    """

    leaves: list[Node]
    weights: list[float]
    once: list[float]
    total: float | None


def electorate_data(weights: Mapping[Node, float], whole: bool, repeats: bool) -> dict[str, Any]:
    """The event's data. Raises ValueError, with the node, unless weights are finite and >= 0."""
    for node, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the vote weight of node {node.name} is {weight}; it must be finite and >= 0")
    values = [float(weight) for weight in weights.values()]
    return {"nodes": list(weights), "weights": values, "whole": whole, "repeats": repeats}


def electorate(tree: Tree, budget: Budget | None = None) -> Electorate:
    """A leaf's last weight within the budget counts. One that was given none has weight one, or zero after a whole
    electorate. Where no finished leaf has a positive weight, each has weight one: a search that ends early, before any
    of its population has finished, still gives an answer. `budget` None is the tree's own.
    """
    events = tree.events(ELECTORATE, budget)
    start = max((place for place, event in enumerate(events) if event.data["whole"]), default=None)
    total = None if start is None else math.fsum(events[start].data["weights"])
    given: dict[Node, tuple[float, float]] = {}
    for event in events[start or 0 :]:
        for node, weight in zip(event.data["nodes"], event.data["weights"], strict=True):
            given[node] = (weight, min(weight, 1.0) if event.data["repeats"] else weight)
    unnamed = (1.0, 1.0) if total is None else (0.0, 0.0)
    weighed = [(leaf, *given.get(leaf, unnamed)) for leaf in tree.leaves(budget) if leaf.finished]
    voters = [entry for entry in weighed if entry[1] > 0] or [(leaf, 1.0, 1.0) for leaf, *_ in weighed]
    leaves, weights, once = [v[0] for v in voters], [v[1] for v in voters], [v[2] for v in voters]
    return Electorate(leaves, weights, once, total)
