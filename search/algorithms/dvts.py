"""Diverse verifier tree search: independent greedy subtrees (Beeching, Tunstall, Rush 2024)."""

from dataclasses import dataclass

from search.algorithms.levels import best, families, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class DVTS:
    """n candidates a level in n / branch subtrees that never compete: what one finds, no other can crowd out.

    node of each of n / branch subtrees = the root
    until none is left, for each subtree:
        node = the best open one of `branch` continuations of node; the subtree ends where none is open
    """

    n: int = 16
    """candidates a level, over all subtrees"""
    branch: int = 4
    """candidates a level of each subtree: there are n / branch subtrees, at least one, that share n"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values = Values(reduction_for(grow.kind, self.reduction))
        subtrees = [(grow.root, width) for width in shares(self.n, max(1, self.n // self.branch))]
        while subtrees:  # a level of all at a time: which of them a budget cuts short does not hang on timing
            candidates = [[node for node in drawn if node.open] for drawn in await families(grow, subtrees)]
            going_on = [(nodes, width) for nodes, (_, width) in zip(candidates, subtrees, strict=True) if nodes]
            subtrees = [(nodes[best(level_values(nodes, grow.kind, values), 1)[0]], width) for nodes, width in going_on]
