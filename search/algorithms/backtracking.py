"""Stochastic backtracking over all prefixes that wait: subpool selection (Tran et al., arXiv 2605.25143)."""

from dataclasses import dataclass

from search.algorithms.levels import best, extend_each, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class Backtracking:
    """A beam that chooses among all steps never gone on from, of any level, and sees some of them at random.

    pool = n steps from the root
    for at most `rounds` rounds, until n solutions have finished or the pool is empty:
        subpool = `subpool` of the pool at random
        kept    = the n / branch of highest value in the subpool, of equals the deepest; they leave the pool
        pool   += n continuations shared among kept; those that do not come out even go to the best
    An earlier prefix gets a chance against newer ones that the scorer may overrate. Where values fall along every path
    it goes broad, and `rounds` ends it. That a prefix leaves the pool once it was gone on from is ours.
    """

    n: int = 16
    """continuations a round"""
    branch: int = 4
    """about how many continuations a prefix gets that goes on: n / branch do, at least one"""
    subpool: int | None = None
    """how many of the pool may be chosen from in a round; n where None, as many as a beam chooses from"""
    rounds: int = 100
    """most rounds, so that a search that goes broad comes to an end"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "subpool", least=1)
        check_knob(self, "rounds", least=1)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values, width = Values(reduction_for(grow.kind, self.reduction)), max(1, self.n // self.branch)
        pool: list[Node] = []
        finished = 0
        drawn = await grow.extend(grow.root, self.n)
        for number in range(self.rounds):
            finished += sum(node.finished for node in drawn)
            pool += [node for node in drawn if node.open]
            if finished >= self.n or not pool:
                return
            size = min(len(pool), max(width, self.subpool or self.n))
            places: list[int] = grow.rng("subpool", number).choice(len(pool), size, replace=False).tolist()
            subpool = [pool[place] for place in sorted(places)]
            subpool.sort(key=lambda node: -node.depth)
            kept = [subpool[place] for place in best(level_values(subpool, grow.kind, values), width)]
            pool = [node for node in pool if node not in kept]
            grow.note("beam", kept=kept)
            drawn = await extend_each(grow, kept, shares(self.n, len(kept)))
