"""Accuracy against the length of a thought, from one thought (budget forcing: s1, arXiv 2501.19393, section 3.1)."""

from dataclasses import dataclass

from search.errors import KnobError, check_knob
from search.grow import Grower
from search.protocols import ANSWER, Ask
from search.tree import Node


@dataclass(frozen=True)
class ThinkingBudget:
    """One thought, and the answer that follows from each of its beginnings.

    node = root
    until the thought ends, or has `tokens` tokens:
        node = one more step of the thought
        at each multiple of `every` tokens: close the thought here, and write the answer as a branch of the tree
    The answer that was written last is the only one that votes, so that the tree tells, at any smaller budget, what the
    thought so far led to. All answers are charged. The policy's thought must have steps no longer than `every`
    (`policy.thinking_steps=64`); KnobError where one is longer. A policy that does not think writes one solution.

    For a policy that thinks, to see whether it should think longer; it selects nothing.
    """

    tokens: int = 1024
    """generated tokens of the thought, at which it is closed"""
    every: int | None = None
    """tokens between two answers; None: one answer, at the end"""

    scale = "tokens"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    anytime = True  # its tree tells what a shorter thought would have led to
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "tokens", least=1)
        check_knob(self, "every", least=1)

    async def search(self, grow: Grower) -> None:
        grow.electorate({}, whole=True)
        every = min(self.every or self.tokens, self.tokens)
        node, written, due = grow.root, 0, every
        while node.open:
            (node,) = await grow.extend(node)
            if node.step is None or not node.step.thought:
                break
            written += node.step.generated
            if node.step.generated > every:
                raise KnobError(
                    f"a step of the thought has {node.step.generated} tokens, more than the {every} between two "
                    f"answers; give the policy shorter ones: policy.thinking_steps={min(64, every)}"
                )
            if written >= due:
                await _answer(grow, node)
                due = every * (written // every + 1)
            if written >= self.tokens:
                return
        if node.open:
            (node,) = await grow.extend(node, max_steps=None)
        _vote(grow, node)


async def _answer(grow: Grower, node: Node) -> None:
    """Closes the thought behind this node, in a branch, and writes the answer."""
    ends = await grow.extend(node, max_steps=None, ask=Ask(action=ANSWER)) if node.open else [node]
    _vote(grow, ends[0])


def _vote(grow: Grower, leaf: Node) -> None:
    if leaf.finished:
        grow.electorate({leaf: 1.0}, whole=True)
