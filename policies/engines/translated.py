"""A path for another tokenizer than that of who wrote it: the same text in other tokens."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from search.tree import Node, Tree
from search.tree.step import Step


def copied(node: Node, change: Callable[[Step], Step] = lambda step: step) -> Node:
    """The end of a copy of the node's path, each step changed, in a tree of its own that has nothing else."""
    steps = node.steps()
    copy = Tree(node.tree.question, node.tree.seed, node.tree.kind).root
    for step in steps:
        copy = below(copy, change(step))
    return copy


def below(node: Node, step: Step) -> Node:
    """A new child of a node in such a tree."""
    return node.add(node.reserve(1).start, step)


def in_tokens(step: Step, encode: Callable[[str], Sequence[int]]) -> Step:
    """The step with other tokens of the same text, all of which count as written; without log-probabilities.

    End tokens are left out of it.
    """
    return replace(step, token_ids=encode(step.text), logprobs=(), entropy=None, given=0, observed=0, closing=0)
