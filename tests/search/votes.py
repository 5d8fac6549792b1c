"""Trees whose leaves vote with given weights, and what each answer of a tree weighs."""

from collections.abc import Sequence

import numpy as np

from search import (
    Ledger,
    Reduction,
    Rule,
    Selection,
    Tree,
)
from search.tree import Event
from search.tree.scores import normalise
from tests.search.trees import tree_of


def populate(tree: Tree, paths: Sequence[tuple[int, ...]], log_weights: Sequence[float], samples: int = 0) -> None:
    """A particle filter's electorate."""
    votes: dict[tuple[int, ...], float] = {}
    for path, weight in zip(paths, normalise(np.array(log_weights)), strict=True):
        votes[path] = votes.get(path, 0.0) + len(paths) * float(weight)
    elect(tree, votes, samples, whole=True)


def elect(
    tree: Tree, votes: dict[tuple[int, ...], float], samples: int = 0, whole: bool = False, number: int = 0
) -> None:
    nodes = [tree[tuple(path)] for path in votes]
    data = {"nodes": nodes, "weights": list(votes.values()), "whole": whole, "round": number}
    tree.record.append(Event("electorate", Ledger(samples=samples), data))


def weights(tree: Tree, rule: Rule, reduction: Reduction | None = None) -> dict[str, float]:
    return {vote.answer: vote.weight for vote in Selection(rule, reduction)(tree).votes}


FOUR = tree_of(("1", [0.9, 0.2]), ("2", [0.5, 0.8]), ("1", [0.4, 0.7]), ("3", [0.6, 0.6]))
