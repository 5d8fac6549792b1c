"""Who votes in a tree: the weights that a search gave its leaves, as they stood at a budget."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from search.tree.cost import Budget, Ledger
from search.tree.event import Event
from search.tree.node import Node
from search.tree.tree import Tree

ELECTORATE = "electorate"
"""The event: `nodes`, `weights`, `round`, and `whole`, which forgets what was given before in that round."""


class Electorate(NamedTuple):
    """Finished leaves of positive weight, lowest path first, and their weights, [N] each.

    `total` is the sum of all weights of the rounds' whole electorates, open nodes included; None where none was given.
    """

    leaves: list[Node]
    weights: list[float]
    total: float | None


def electorate_data(weights: Mapping[Node, float], whole: bool, number: int) -> dict[str, Any]:
    """The event's data in round `number`. Raises ValueError, with the node, unless weights are finite and >= 0."""
    for node, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the vote weight of node {node.name} is {weight}; it must be finite and >= 0")
    values = [float(weight) for weight in weights.values()]
    return {"nodes": list(weights), "weights": values, "whole": whole, "round": number}


def joins(record: Sequence[Event], data: Mapping[str, Any], birth: Ledger) -> bool:
    """Adds the event's data to the last entry of the record where nothing was spent since, so that votes which change
    for nothing do not fill it; whether it did. Whole electorates stand alone."""
    last = record[-1] if record else None
    if last is None or last.name != ELECTORATE or last.birth._replace(seconds=birth.seconds) != birth:
        return False
    if last.data["whole"] or data["whole"] or last.data["round"] != data["round"]:
        return False
    weights = dict(zip(last.data["nodes"], last.data["weights"], strict=True))
    weights.update(zip(data["nodes"], data["weights"], strict=True))
    last.data.update(nodes=list(weights), weights=list(weights.values()))
    return True


def electorate(tree: Tree, budget: Budget | None = None) -> Electorate:
    """A leaf's last weight within the budget counts; whole electorates of different rounds add up. A leaf that was
    given none has weight one, or zero after a whole electorate. Where no finished leaf has a positive weight, each has
    weight one: a search that ends early, before any of its population has finished, still gives an answer. `budget`
    None is the tree's own.
    """
    rounds: dict[int, list[Event]] = {}
    for event in tree.events(ELECTORATE, budget):
        earlier = rounds.setdefault(event.data.get("round", 0), [])  # files of before have none
        if event.data["whole"]:
            earlier.clear()
        earlier.append(event)
    wholes = [events[0].data["weights"] for events in rounds.values() if events[0].data["whole"]]
    given: dict[Node, float] = {}
    for events in rounds.values():
        before = given if events[0].data["whole"] else {}
        given = given | {node: weight + before.get(node, 0.0) for node, weight in _last(events).items()}
    unnamed = 0.0 if wholes else 1.0
    finished = [leaf for leaf in tree.leaves(budget) if leaf.finished]
    voters = [leaf for leaf in finished if given.get(leaf, unnamed) > 0]
    weights = [given.get(leaf, unnamed) for leaf in voters]
    if not voters:
        voters, weights = finished, [1.0] * len(finished)
    return Electorate(voters, weights, math.fsum(map(math.fsum, wholes)) if wholes else None)


def _last(events: Sequence[Event]) -> dict[Node, float]:
    """The last weight of each node."""
    return {
        node: weight
        for event in events
        for node, weight in zip(event.data["nodes"], event.data["weights"], strict=True)
    }
