"""How the solutions of a tree ended: how many came to nothing, and why."""

from collections import Counter
from typing import NamedTuple

from search.answers.answers import answers_of
from search.tree import Node, Tree

NO_ANSWER = "no_answer"  # a cause beside the ends of truncated steps (max_steps, max_tokens, context)
_LAST = 200  # characters of an example


class Endings(NamedTuple):
    """`lost` counts the leaves that came to nothing, by cause, of so many `leaves`."""

    leaves: int
    lost: dict[str, int]
    cause: str | None = None
    """the most frequent one"""
    example: str = ""
    """the last characters of a solution that was lost to it"""


def endings(tree: Tree) -> Endings | None:
    """None for a tree whose search did not end by itself: what a budget cut off tells nothing about the policy."""
    if tree.stopped != "done":
        return None
    leaves = tree.leaves()
    causes = {leaf: cause for leaf in leaves if (cause := _cause(tree, leaf)) is not None}
    counts = Counter(causes.values())
    if not counts:
        return Endings(len(leaves), {})
    most = max(sorted(counts), key=counts.__getitem__)
    text = next(leaf for leaf, cause in causes.items() if cause == most).text()
    return Endings(len(leaves), dict(counts), most, text[-_LAST:])


def _cause(tree: Tree, leaf: Node) -> str | None:
    """Why a leaf cannot vote; None where it can."""
    if leaf.step is not None and leaf.truncated:
        return leaf.step.end.value
    return NO_ANSWER if leaf.finished and answers_of(tree).of(leaf.text()) is None else None
