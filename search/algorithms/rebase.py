"""REBASE: reward-balanced search, width in proportion to the scores (arXiv 2408.00724, section 3)."""

import math
from dataclasses import dataclass

import numpy as np

from search.algorithms.levels import extend_each, level_values
from search.errors import check_knob
from search.grow import Grower
from search.tree.scores import Array, Reduction, Use, conversion, reduction_for, softmax
from search.tree.values import Values


@dataclass(frozen=True)
class Rebase:
    """n solutions, whose number is shared anew at every level by a softmax of the candidates' values.

    level = n steps from the root
    until n candidates have finished or none is open:
        w     = widths(values of the open candidates, n - finished, T)
        level = w_i continuations of candidate i
    Where a beam keeps a candidate or drops it, this gives it more or less: of candidates of about equal value none is
    lost.
    """

    n: int = 16
    """solutions"""
    temperature: float = 0.2
    """T of the softmax, in units of the values: towards 0 all goes to the best, a large T shares equally"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "temperature", above=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values, finished = Values(reduction_for(grow.kind, self.reduction)), 0
        level = await grow.extend(grow.root, self.n)
        while True:
            finished += sum(node.finished for node in level)
            candidates = [node for node in level if node.open]
            if finished >= self.n or not candidates:
                return
            width = widths(level_values(candidates, grow.kind, values), self.n - finished, self.temperature)
            grow.note("rebase", nodes=candidates, widths=width)
            level = await extend_each(grow, candidates, width)


def widths(values: Array, budget: int, temperature: float) -> list[int]:
    """[N], summing to `budget`: in descending order of value, each takes its share of what is left, rounded up.

    Shares are softmax(values / temperature); ties go to the earlier one.
    """
    shares: list[float] = softmax(values / temperature).tolist()
    order: list[int] = np.argsort(-values, kind="stable").tolist()
    taken, left, rest = [0] * len(shares), budget, 1.0
    for place in order:
        taken[place] = min(left, math.ceil(left * shares[place] / rest - 1e-9)) if rest > 0 else 0
        left -= taken[place]
        rest -= shares[place]
    return taken
