"""The Bellman residual of a tree's scores: how far a step's score lies above those of the steps that follow it."""

from typing import NamedTuple

from search.tree import Tree
from search.tree.scores import Kind


class Residual(NamedTuple):
    """At a depth, over `nodes` steps that were followed by judged steps: the mean of a step's score minus the mean of
    its children's. Above 0, the scorer believes steps that it doubts one step later."""

    depth: int
    nodes: int
    mean: float


def residuals(tree: Tree) -> list[Residual] | None:
    """By depth, 1 for the first step; None where scores are no probabilities of steps.

    Children are samples of the policy, counted as often as they were drawn. The scores of a value function have mean
    residual 0 at every depth.
    """
    if tree.kind not in (Kind.CORRECTNESS, Kind.VALUE):
        return None
    by_depth: dict[int, list[float]] = {}
    for node in tree.nodes():
        judged = [child for child in node.children.values() if child.score is not None]
        if node.score is None or not judged:
            continue
        counts = [child.stats.get("count", 1) if child.has_stats else 1 for child in judged]
        following = sum(count * (child.score or 0.0) for count, child in zip(counts, judged, strict=True))
        by_depth.setdefault(node.depth, []).append(node.score - following / sum(counts))
    return [Residual(depth, len(of), sum(of) / len(of)) for depth, of in sorted(by_depth.items())]
