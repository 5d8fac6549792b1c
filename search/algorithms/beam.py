"""Step-level beam search over a scorer's values (arXiv 2408.03314, section 5.2)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.errors import KnobError, check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Kind, Reduction, Scope, Use, conversion, reduction_for


@dataclass(frozen=True)
class Beam:
    """n candidates a level; the best n / branch distinct unfinished ones go on, each extended `branch` ways.

    level = n steps from the root
    until n candidates have finished or none is open:
        kept  = best n / branch of the level's distinct open candidates
        level = `branch` continuations of each kept one
    Levels are barriers: a level is judged whole before the next begins.
    """

    n: int = 16
    """candidates a level, a multiple of `branch`"""
    branch: int = 4
    """continuations of each candidate that goes on; never more than n"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        if self.n % self.ways:
            raise KnobError(f"Beam.n is {self.n}; it must be a multiple of branch = {self.ways}")

    @property
    def ways(self) -> int:
        return min(self.branch, self.n)

    async def search(self, grow: Grower) -> None:
        reduction = reduction_for(grow.kind, self.reduction)
        conversion(grow.kind, Use.BEAM)
        level = await grow.extend(grow.root, self.n)
        finished = 0
        while True:
            finished += sum(node.finished for node in level)
            candidates = distinct([node for node in level if node.open])
            if finished >= self.n or not candidates:
                return
            kept = best(candidates, beam_values(candidates, grow.kind, reduction), self.n // self.ways)
            grow.note("beam", kept=kept)
            level = await self._next_level(grow, kept)

    async def _next_level(self, grow: Grower, kept: Sequence[Node]) -> list[Node]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(grow.extend(node, self.ways)) for node in kept]
        return [node for task in tasks for node in task.result()]


def distinct(nodes: Sequence[Node]) -> list[Node]:
    """The first of each group of nodes whose whole texts are equal."""
    first: dict[str, Node] = {}
    for node in nodes:
        first.setdefault(node.text(), node)
    return list(first.values())


def best(nodes: Sequence[Node], values: Array, count: int) -> list[Node]:
    """The `count` nodes of highest value, [count]; ties go to the lowest path."""
    order = sorted(range(len(nodes)), key=lambda i: (-values[i], nodes[i].path))
    return [nodes[i] for i in order[:count]]


def beam_values(nodes: Sequence[Node], kind: Kind, reduction: Reduction) -> Array:
    """[N]: each node's reduced score, as design's table of kinds converts it (a ranking counts among siblings)."""
    scope, convert = conversion(kind, Use.BEAM)
    if scope is Scope.SIBLINGS:
        ranks: dict[Node, float] = {}
        for parent in dict.fromkeys(node.parent for node in nodes):
            judged = [child for child in parent.children.values() if child.score is not None] if parent else []
            scores = np.array([child.score for child in judged], dtype=np.float64)
            ranks |= zip(judged, convert(scores).tolist(), strict=True)
        return np.array([ranks[node] for node in nodes])
    return convert(np.array([node.value(reduction) for node in nodes], dtype=np.float64))
