"""Labels from the leaves that existing trees have: what a search already says of the steps that it took."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from experiments.labels.labels import SAMPLE, SEARCH, Labelled
from experiments.labels.sources import Searched
from search.tree import Node
from search.tree.node import Path

Texts = tuple[str, ...]
Right = Callable[[Node], bool]
Place = tuple[int, Path, Texts]


class Leaf(NamedTuple):
    """A leaf's texts, how often it was drawn, and whether it is right; None where it was cut."""

    texts: Texts
    weight: int
    right: bool | None


def count(trees: Iterable[Searched], is_right: Right, least: int) -> Iterator[Labelled]:
    """The finished solutions, with the share of right leaves below each of their steps.

    Every leaf counts once, or as often as its search drew it; one that was cut counts as wrong. The same seed at the
    same place is the same draw, whichever search made it, and counts once. A step of fewer than `least` leaves has no
    label. Leaves of independent samples and leaves that searchers chose are counted apart.
    """
    drawn: dict[str, dict[Place, Leaf]] = {SAMPLE: {}, SEARCH: {}}
    for tree, independent in trees:
        leaves = drawn[SAMPLE if independent else SEARCH]
        for node in tree.leaves():
            place, leaf = _leaf(node, is_right)
            if leaf.texts and leaf.weight > leaves.get(place, leaf._replace(weight=0)).weight:
                leaves[place] = leaf
    for estimator, leaves in drawn.items():
        yield from _labelled(list(leaves.values()), estimator, least)


def _leaf(node: Node, is_right: Right) -> tuple[Place, Leaf]:
    steps = node.steps()
    place = (node.tree.seed, node.path, tuple(step.text for step in steps))
    texts = tuple(step.text for step in steps if not step.thought)
    return place, Leaf(texts, int(node.stats.get("count", 1)), is_right(node) if node.finished else None)


def _labelled(leaves: Sequence[Leaf], estimator: str, least: int) -> Iterator[Labelled]:
    totals, rights, ends = Counter[Texts](), Counter[Texts](), dict[Texts, Leaf]()
    for leaf in leaves:
        for depth in range(1, len(leaf.texts)):
            totals[leaf.texts[:depth]] += leaf.weight
            rights[leaf.texts[:depth]] += leaf.weight * bool(leaf.right)
        if leaf.right is not None:
            before = ends.get(leaf.texts, leaf._replace(weight=0)).weight
            ends[leaf.texts] = leaf._replace(weight=before + leaf.weight)
    for texts, end in ends.items():
        inner = [texts[:depth] for depth in range(1, len(texts))]
        pairs = [*((totals[prefix], rights[prefix]) for prefix in inner), (end.weight, end.weight * bool(end.right))]
        known = [*(n >= least for n, _ in pairs[:-1]), True]
        yield Labelled(
            steps=texts,
            labels=tuple(r > 0 if sure else None for (_, r), sure in zip(pairs, known, strict=True)),
            values=tuple(r / n if sure else None for (n, r), sure in zip(pairs, known, strict=True)),
            rollouts=tuple(n for n, _ in pairs),
            right=tuple(r for _, r in pairs),
            answer_right=bool(end.right),
            estimator=estimator,
        )
