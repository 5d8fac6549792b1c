"""Exact values of the toy world, or the same with a stated error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.engines.world import Place, random_world
from search.errors import check_knob
from search.protocols import Scored
from search.tree import Node
from search.tree.cost import Cost
from search.tree.randomness import generator
from search.tree.scores import Kind, logit
from search.tree.step import Step


@dataclass(frozen=True)
class Toy:
    """The probability that the toy policy ends right from a step on. The world's knobs are the policy's."""

    branch: int = 3
    """branches of every place"""
    depth: int = 4
    """steps of every solution"""
    world_seed: int = 0
    """which world"""
    error: float = 0.0
    """standard deviation of the noise on the logit of each value; the same path always has the same noise"""

    kind = Kind.VALUE
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "branch", least=1, most=10)
        check_knob(self, "depth", least=1, most=6)
        check_knob(self, "error", least=0)

    @property
    def world(self) -> Place:
        return random_world(self.branch, self.depth, self.world_seed)

    def worst_case(self, node: Node, tokens: int) -> Cost:
        """Of a path that goes on from `node`; a token of the toy policy is a step."""
        return Cost(computed=node.depth + tokens, flops=float(node.depth + tokens))

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        values = [self._value(steps[: place + 1]) for place in range(since, len(steps))]
        return Scored(values, Cost(computed=len(steps), flops=float(len(steps))))

    def _value(self, steps: Sequence[Step]) -> float:
        value = self.world.after(steps).value
        if not self.error:
            return value
        path = tuple(step.token_ids for step in steps)
        noise = generator("toy error", self.world_seed, path).normal(0, self.error)
        return float(1 / (1 + np.exp(-logit(np.array([value])) - noise))[0])
