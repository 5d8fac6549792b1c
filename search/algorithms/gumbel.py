"""Gumbel top-k with sequential halving at the root (Danihelka et al., ICLR 2022, section 3; mctx).

As mctx's `gumbel_muzero_policy` at its root; whole solutions take the place of its search below.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.algorithms.levels import best
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Conversion, Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Values

C_VISIT = 50.0


@dataclass(frozen=True)
class Gumbel:
    """n solutions, shared among first steps by halving: the more promising half of them gets as many again.

    steps = `drawn` samples of the first step, equal ones merged; logit = log of a step's share, g = Gumbel noise
    alive = the `considered` steps of highest g + logit: a draw without replacement
    until n solutions are written, with rounds = ceil(log2 of those alive at first):
        write max(1, n / (rounds |alive|)) solutions below each step that is alive
        q     = mean value of the solutions below each step
        alive = the half, at least two, of highest g + logit + (C_VISIT + most solutions of a step) c_scale q
    Each solution has one vote; a first step that is a solution stands for those it would have got. It takes no ranks.

    For questions whose first step decides, such as a plan, and a scorer that judges whole solutions. It did not pay
    here: a first step is right nine times in ten, and 64 solutions are as good as Best-of-64.
    """

    n: int = 16
    """solutions"""
    considered: int = 8
    """most first steps among which solutions are shared"""
    drawn: int = 16
    """samples of the first step, from which those are chosen"""
    c_scale: float = 1.0
    """weight of the values against the prior"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "considered", least=1)
        check_knob(self, "drawn", least=1)
        check_knob(self, "c_scale", least=0)

    async def search(self, grow: Grower) -> None:
        convert = conversion(grow.kind, Use.LEAVES)
        values = Values(reduction_for(grow.kind, self.reduction))
        steps = await grow.sample(grow.root, self.drawn, merge=True)
        await grow.score(*steps)
        counts = np.array([step.stats["count"] for step in steps], dtype=np.float64)
        priors = np.log(counts / counts.sum()) + grow.rng("gumbel").gumbel(size=len(steps))
        alive = best(priors, min(self.considered, self.n))
        solutions: list[list[Node]] = [[] for _ in steps]
        rounds, left = max(1, math.ceil(math.log2(len(alive)))), self.n
        while left:
            share = max(1, self.n // (rounds * len(alive)))
            given = {i: min(share, max(0, left - place * share)) for place, i in enumerate(alive)}
            await _write(grow, steps, given, solutions)
            left -= sum(given.values())
            most = max(map(len, solutions))
            bounds = priors + (C_VISIT + most) * self.c_scale * mean_values(solutions, values, convert)
            grow.note("halving", steps=[steps[i] for i in alive], bounds=[float(bounds[i]) for i in alive])
            alive = [alive[place] for place in best(bounds[alive], max(2, len(alive) // 2))]


async def _write(grow: Grower, steps: Sequence[Node], given: dict[int, int], solutions: list[list[Node]]) -> None:
    """So many solutions below each step, all at once; one that is closed stands for them, and votes so often."""
    async with asyncio.TaskGroup() as group:
        tasks = {i: group.create_task(grow.extend(steps[i], n, None)) for i, n in given.items() if n and steps[i].open}
    for i, n in given.items():
        solutions[i] += tasks[i].result() if i in tasks else [steps[i]] * n
        if steps[i].finished:
            steps[i].stats["stands_for"] = steps[i].stats.get("stands_for", 0) + n
            grow.electorate({steps[i]: max(1, steps[i].stats["stands_for"])})


def mean_values(solutions: Sequence[Sequence[Node]], values: Values, convert: Conversion) -> Array:
    """[steps]: mean value of each one's solutions, in [0, 1]; of all solutions where a step has none with a value."""
    known = [[value for node in below if (value := values(node)) is not None] for below in solutions]
    flat = np.array([value for below in known for value in below], dtype=np.float64)
    if not len(flat):
        return np.full(len(known), 0.5)
    if convert.scope is Scope.ALL:
        flat = convert.convert(flat)
    parts = np.split(flat, np.cumsum([len(below) for below in known])[:-1])
    return np.array([part.mean() if len(part) else flat.mean() for part in parts])
