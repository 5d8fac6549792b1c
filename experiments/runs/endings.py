"""How the solutions of a tree ended: how many came to nothing, and why."""

from collections import Counter
from typing import NamedTuple

from search.answers.answers import answers_of
from search.tree import Node, Tree
from search.tree.step import End

# Causes beside the ends of truncated steps (max_steps, max_tokens, context):
NO_ANSWER = "no_answer"
IN_THOUGHT = "in_thought"  # it ended before its thought did
THOUGHT_CUT = End.THINKING_TOKENS.value  # no answer follows a thought that was closed at its limit
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
    leaf = next(leaf for leaf, cause in causes.items() if cause == most)
    text = leaf.text() or leaf.thought()
    return Endings(len(leaves), dict(counts), most, text[-_LAST:])


def _cause(tree: Tree, leaf: Node) -> str | None:
    """Why a leaf cannot vote; None where it can, or was cut on purpose."""
    if leaf.step is not None and leaf.step.end is End.UNSURE:
        return None  # the search wanted no more of it
    if leaf.step is not None and leaf.truncated:
        return leaf.step.end.value
    if not leaf.finished or answers_of(tree).of(leaf.text()) is not None:
        return None
    if leaf.step is not None and leaf.step.thought:
        return IN_THOUGHT
    return THOUGHT_CUT if any(step.end is End.THINKING_TOKENS for step in leaf.steps()) else NO_ANSWER
