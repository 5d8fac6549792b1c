"""Diverse verifier tree search: independent greedy subtrees (Beeching, Tunstall, Rush 2024)."""

import asyncio
from dataclasses import dataclass

from search.algorithms.levels import best, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class DVTS:
    """n candidates a level in n / branch subtrees that never compete: what one finds, no other can crowd out.

    for each of n / branch subtrees, all at once:
        node = root
        until no continuation is open:
            node = the best open one of `branch` continuations of node
    """

    n: int = 16
    """candidates a level, over all subtrees"""
    branch: int = 4
    """candidates a level of each subtree: there are n / branch subtrees, at least one, that share n"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values = Values(reduction_for(grow.kind, self.reduction))
        async with asyncio.TaskGroup() as group:
            for width in shares(self.n, max(1, self.n // self.branch)):
                group.create_task(_subtree(grow, width, values))


async def _subtree(grow: Grower, width: int, values: Values) -> None:
    candidates = [grow.root]
    while candidates:
        node = candidates[0]
        if node.depth:
            node = candidates[best(level_values(candidates, grow.kind, values), 1)[0]]
        candidates = [child for child in await grow.extend(node, width) if child.open]
