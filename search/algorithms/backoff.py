"""Greedy step search that backs up where the scorer rejects every continuation (Ma et al., arXiv 2310.10080)."""

import math
from dataclasses import dataclass, field

from search.algorithms.levels import best, families, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Kind, Reduction, Use, conversion, reduction_for
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
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "threshold", least=-math.inf)
        check_knob(self, "backups", least=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.ACROSS)
        values = Values(reduction_for(grow.kind, self.reduction))
        widths = shares(self.n, max(1, self.n // self.branch))
        searches = [_Search(grow.root, width, self.threshold, self.backups) for width in widths]
        while searches:  # a step of each at a time: which of them a budget cuts short does not hang on timing
            drawn = await families(grow, [(each.node, each.width) for each in searches])
            ranked = [self._ranked(children, grow.kind, values) for children in drawn]
            searches = [each for each, pairs in zip(searches, ranked, strict=True) if each.goes_on(pairs)]

    @staticmethod
    def _ranked(drawn: list[Node], kind: Kind, values: Values) -> list[tuple[float, Node]]:
        """Those not cut short with their values, the best first."""
        nodes = [node for node in drawn if not node.truncated]
        worth = level_values(nodes, kind, values)
        return [(float(worth[place]), nodes[place]) for place in best(worth, len(nodes))]


@dataclass
class _Search:
    """One of the searches: where it is, the steps that it has drawn and not followed, and how often it may back up."""

    node: Node
    width: int
    threshold: float
    backups: int
    good: list[Node] = field(default_factory=list[Node])
    """those drawn last come last, of siblings the best last"""
    poor: list[tuple[float, Node]] = field(default_factory=list[tuple[float, Node]])

    def goes_on(self, ranked: list[tuple[float, Node]]) -> bool:
        """Moves on, after the continuations of its node, to the step to follow; whether there is an open one."""
        good = [child for value, child in ranked if value >= self.threshold]
        self.poor += ranked[len(good) :]
        self.good += reversed(good)
        if not good and self.good and self.backups:
            self.backups -= 1
            self.node.stats["backed_up"] = True
        elif not good and self.poor:
            chosen = max(self.poor, key=lambda pair: (pair[0], pair[1].depth))
            self.poor.remove(chosen)
            self.good.append(chosen[1])
        if not self.good:
            return False
        self.node = self.good.pop()
        return self.node.open
