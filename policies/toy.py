"""A policy whose every probability is known, for exact tests and dry runs without a model.

Taking a branch is one generated token, the question one prompt token, and a token one FLOP.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.engines.world import Place, random_world
from search.errors import check_knob
from search.protocols import Extension
from search.tree import Node
from search.tree.cost import Cost
from search.tree.randomness import generator
from search.tree.step import End, Step


@dataclass(frozen=True)
class Toy:
    """Samples from a random world."""

    branch: int = 3
    """branches of every place"""
    depth: int = 4
    """steps of every solution"""
    world_seed: int = 0
    """which world"""
    enumerates: bool = False
    """whether the i-th continuation takes the i-th branch instead of a sample"""

    def __post_init__(self) -> None:
        check_knob(self, "branch", least=1, most=10)
        check_knob(self, "depth", least=1, most=6)

    @property
    def world(self) -> Place:
        return random_world(self.branch, self.depth, self.world_seed)

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        place = self.world.after(node.steps())
        continuations = tuple(self._walk(place, i, max_steps, seed) for i, seed in enumerate(seeds))
        generated, prompt = sum(map(len, continuations)), n * (1 + node.depth)
        cost = Cost(generated=generated, computed=prompt, flops=float(generated + prompt))
        return Extension(continuations, cost, question_tokens=1)

    def _walk(self, place: Place, position: int, max_steps: int | None, seed: int) -> tuple[Step, ...]:
        rng = generator(seed)
        steps: list[Step] = []
        while place.children and len(steps) != max_steps:
            shares = np.array([child.probability for child in place.children])
            taken = int(rng.choice(len(shares), p=shares / shares.sum()))
            if self.enumerates and not steps:
                taken = position % len(shares)
            place = place.children[taken]
            end = End.DELIMITER if place.children else End.ANSWER
            steps.append(Step(place.text, (taken,), (math.log(place.probability),), end))
        return tuple(steps)
