"""Greedy step search that backs up where the scorer rejects every continuation (Ma et al., arXiv 2310.10080)."""

import asyncio
import math
from dataclasses import dataclass, field

from search.algorithms.levels import best, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class BackOff:
    """n candidates a level in n / branch greedy searches, each of which backs up from steps that lead nowhere good.

    for each of n / branch searches, all at once:
        node = root
        while node is open:
            draw `branch` continuations of node: those of value >= threshold are good, the others poor
            node = the best good one of them, or, at most `backups` times, of those drawn nearest above;
                   where there is none, the best poor one of all
    Nodes from which it backs up have stats["backed_up"]. What finished before a back-up votes as the others do.
    """

    n: int = 16
    """candidates a level, over all searches"""
    branch: int = 4
    """continuations of a node: there are n / branch searches, at least one, that share n"""
    threshold: float = 0.5
    """least value of a good step, in units of the values; at 0 no probability is poor and it never backs up"""
    backups: int = 8
    """most times that each search backs up"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "threshold", least=-math.inf)
        check_knob(self, "backups", least=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.ACROSS)
        values = Values(reduction_for(grow.kind, self.reduction))
        async with asyncio.TaskGroup() as group:
            for width in shares(self.n, max(1, self.n // self.branch)):
                group.create_task(_descend(grow, width, values, _Unfollowed(self.threshold, self.backups)))


async def _descend(grow: Grower, width: int, values: Values, unfollowed: "_Unfollowed") -> None:
    """One search, until a solution that it follows ends or nothing is left to follow."""
    node: Node | None = grow.root
    while node is not None and node.open:
        drawn = [child for child in await grow.extend(node, width) if not child.truncated]
        worth = level_values(drawn, grow.kind, values)
        ranked = [(float(worth[place]), drawn[place]) for place in best(worth, len(drawn))]
        node = unfollowed.next(node, ranked)


@dataclass
class _Unfollowed:
    """The steps that one search has drawn and not followed, and how often it may still back up."""

    threshold: float
    backups: int
    good: list[Node] = field(default_factory=list[Node])
    """those drawn last come last, of siblings the best last"""
    poor: list[tuple[float, Node]] = field(default_factory=list[tuple[float, Node]])

    def next(self, node: Node, ranked: list[tuple[float, Node]]) -> Node | None:
        """The step to follow after the continuations of `node`, best first; None where there is none."""
        good = [child for value, child in ranked if value >= self.threshold]
        self.poor += ranked[len(good) :]
        self.good += reversed(good)
        if not good and self.good and self.backups:
            self.backups -= 1
            node.stats["backed_up"] = True
            return self.good.pop()
        if good or not self.poor:
            return self.good.pop() if self.good else None
        chosen = max(self.poor, key=lambda pair: (pair[0], pair[1].depth))
        self.poor.remove(chosen)
        return chosen[1]
