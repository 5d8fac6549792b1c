"""Marks: what a second scorer said of paths, in `stats["marks"]` of their last nodes by the scorer's name."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.errors import KindError
from search.tree.cost import NOTHING, Cost
from search.tree.node import Node
from search.tree.scores import Kind, Reduction, reduce, reduction_for
from search.tree.tree import Tree

MARKS = "marks"
"""The statistic of a node, and the event of marks: the scorer's name and kind, the nodes and what each one cost."""


def check_kind(name: str, kind: Kind) -> None:
    """Raises KindError for a ranking, which compares siblings only."""
    if kind is Kind.RANKING:
        raise KindError(f"scorer {name} ranks siblings, but solutions are marked one by one; choose another scorer")


def write_marks(name: str, marks: Mapping[Node, Sequence[float]]) -> None:
    """Writes the scores of each node's path, [depth], or the one of an outcome scorer, [1]; replaces earlier ones."""
    for node, scores in marks.items():
        node.stats.setdefault(MARKS, {})[name] = list(scores)


def marks_data(name: str, kind: Kind, costs: Mapping[Node, Cost]) -> dict[str, Any]:
    """The event's data."""
    return {"scorer": name, "kind": str(kind), "nodes": list(costs), "costs": [list(cost) for cost in costs.values()]}


def marking_kind(tree: Tree, name: str) -> Kind | None:
    """The kind of the scorer of that name; None where it has marked nothing in the tree."""
    events = (event for event in reversed(tree.record) if event.name == MARKS and event.data["scorer"] == name)
    return next((Kind(event.data["kind"]) for event in events), None)


def marking_costs(tree: Tree, name: str) -> dict[Node, Cost]:
    """What each node's marks of that name cost."""
    costs: dict[Node, Cost] = {}
    for event in tree.record:
        if event.name == MARKS and event.data["scorer"] == name:
            for node, cost in zip(event.data["nodes"], event.data["costs"], strict=True):
                costs[node] = costs.get(node, NOTHING) + Cost(*cost)
    return costs


def mark(node: Node, name: str, kind: Kind, reduction: Reduction | None = None) -> float | None:
    """A node's scores of that name as one number; None where it has none. Raises KindError as `reduction_for`."""
    reduction = reduction_for(kind, reduction)
    scores = node.stats[MARKS].get(name) if node.has_stats and MARKS in node.stats else None
    return None if scores is None else reduce(scores, reduction)


def last_mark(node: Node, name: str) -> float | None:
    """The score of that name for the node's own step; None where it has none."""
    return mark(node, name, Kind.OUTCOME)
