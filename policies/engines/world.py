"""The toy world that the toy policy walks and the toy scorer knows: a finite tree with every number given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from search.tree.randomness import generator
from search.tree.step import Step


@dataclass(frozen=True)
class Place:
    """A place in the world: its text, its probability among its siblings, and what follows.

    `worth` of a leaf is the probability that it is right; any other place's value follows from those below.
    """

    text: str
    probability: float = 1.0
    children: tuple["Place", ...] = ()
    worth: float = 0.0

    @cached_property
    def value(self) -> float:
        """Exact probability that a solution from here on is right."""
        if not self.children:
            return self.worth
        return min(1.0, math.fsum(child.probability * child.value for child in self.children))  # rounding may exceed it

    @cached_property
    def height(self) -> int:
        """Steps of the longest way from here on."""
        return 1 + max(child.height for child in self.children) if self.children else 0

    def after(self, steps: Sequence[Step]) -> "Place":
        """Where a path leads; a step's first token id is the index of the child it took."""
        place = self
        for step in steps:
            place = place.children[step.token_ids[0]]
        return place


@cache
def random_world(branch: int, depth: int, seed: int) -> Place:
    """Every place has `branch` children of random probability, down to `depth`; three leaves in ten are right.

    The right answer is 1.
    """

    def grow(path: tuple[int, ...], probability: float) -> Place:
        rng = generator("toy world", seed, path)
        if len(path) == depth:
            right = bool(rng.random() < 0.3)
            answer = 1 if right else -path[-1]
            return Place(f"step {path[-1]}: \\boxed{{{answer}}}", probability, worth=float(right))
        shares = rng.dirichlet(np.ones(branch))
        children = tuple(grow((*path, i), float(share)) for i, share in enumerate(shares))
        return Place(f"step {path[-1]}\n\n" if path else "", probability, children)

    return grow((), 1.0)
