"""Prompts of paths: question and path as token ids, made from the prompt of a node above."""

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from search.tree import Node
from search.tree.node import Owner
from search.tree.step import Step


class Prompt(NamedTuple):
    """A question and the path to a node."""

    ids: tuple[int, ...]
    """a tuple, because the garbage collector walks the items of a list again and again"""
    question: int
    """how many of them come before the path"""
    written: int
    """tokens of the path's answer that the policy wrote, end tokens included"""
    thought: int = 0
    """tokens of its thought that the policy wrote"""


class Prompts:
    """Keeps the prompts that were asked for last, up to `most` tokens of them all, and no tree alive.

    A node's prompt is its nearest kept ancestor's and the steps between: a copy, and work for the new tokens only.
    """

    def __init__(self, most: int = 1 << 22) -> None:
        # By the node's address: a node lives as long as its tree, so that it is the same one while the tree lives.
        self._kept: OrderedDict[int, tuple[weakref.ref[Owner], Prompt]] = OrderedDict()
        self._most, self._tokens = most, 0

    def of(self, node: Node, question: Callable[[], Sequence[int]]) -> Prompt:
        """The prompt of a path; `question` encodes what comes before it, the same in each call for one tree."""
        below: list[Step] = []
        above = node
        while (prompt := self._get(above)) is None and above.parent is not None and above.step is not None:
            below.append(above.step)
            above = above.parent
        if prompt is None:
            ids = tuple(question())
            prompt = self._keep(above, Prompt(ids, len(ids), 0))
        if not below:
            return prompt
        below.reverse()
        new = tuple(chain.from_iterable(step.inner_token_ids for step in below))
        thought = prompt.thought + sum(step.generated for step in below if step.thought)
        written = prompt.written + sum(step.generated for step in below if not step.thought)
        return self._keep(node, Prompt(prompt.ids + new, prompt.question, written, thought))

    def _get(self, node: Node) -> Prompt | None:
        tree, prompt = self._kept.get(id(node), (None, None))
        if tree is None or tree() is not node.tree:
            return None
        self._kept.move_to_end(id(node))
        return prompt

    def _keep(self, node: Node, prompt: Prompt) -> Prompt:
        _, old = self._kept.pop(id(node), (None, None))
        self._kept[id(node)] = weakref.ref(node.tree), prompt
        self._tokens += len(prompt.ids) - (len(old.ids) if old else 0)
        while self._tokens > self._most and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._tokens -= len(oldest.ids)
        return prompt
