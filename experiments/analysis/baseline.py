"""The searcher that others are compared with: its correctness at any cost, and at any N that its samples allow."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import Cells, correct_by_problem, mean
from experiments.analysis.fewer_samples import at, cost_at, largest
from experiments.runs.axes import AXIS_COST, Axis
from experiments.runs.results import CellKey, Result

NEAR = 1.02  # costs that differ by less are equal


class Cell(NamedTuple):
    """A searcher's correctness by problem, [P], and its mean cost, None where it is unknown for some search.

    `seeds` is the number of searches of each problem; `searched` is False where the cell is expected or interpolated.
    """

    searcher: str
    scale: float  # n, or the swept budget
    cost: float | None
    correct: np.ndarray
    seeds: int = 1
    searched: bool = True


def cell_of(members: Sequence[Result], axis: Axis, rule: str, problems: Sequence[str]) -> Cell:
    """The correctness and mean cost of a cell on these problems; the seeds of a problem are averaged."""
    by_problem, first = correct_by_problem(members, rule), members[0]
    return Cell(
        first.cell.searcher,
        first.scale,
        mean([AXIS_COST[axis](member.ledger) for member in members]),
        np.array([by_problem[problem] for problem in problems]),
        len({member.seed for member in members}),
        first.estimated_from is None,
    )


@dataclass(frozen=True)
class Baseline:
    """A searcher's cells under a rule, on an axis, over these problems; `cells` are complete."""

    cells: Cells
    searcher: str
    axis: Axis
    rule: str
    problems: Sequence[str]

    @cached_property
    def samples(self) -> list[Result]:
        """Its largest cell of independent samples, which gives every smaller N; empty without one."""
        return next((m for m in largest(self.cells.searches) if m[0].cell.searcher == self.searcher), [])

    @cached_property
    def ladder(self) -> list[Cell | int]:
        """From cheap to dear: each number of samples, then the cells that the samples do not give."""
        n = self.samples[0].cell.n if self.samples else 0
        own = [members for key, members in self.cells.by_key.items() if key.searcher == self.searcher]
        rest = [self._cell(members) for members in own if members[0].cell.limit or members[0].cell.n > n]
        rest.sort(key=lambda cell: cell.cost or 0.0)
        return [*range(1, n + 1), *rest]

    @property
    def has_costs(self) -> bool:
        """Whether the cost of every search is known."""
        return all(self.cost(rung) is not None for rung in self.ladder if isinstance(rung, Cell) or rung == 1)

    def cost(self, rung: Cell | int) -> float | None:
        """The mean cost of a cell, or of so many samples."""
        if isinstance(rung, Cell):
            return rung.cost
        key = (self.searcher, rung)
        if key not in self.cells.expected_costs:
            self.cells.expected_costs[key] = [cost_at(result, rung) for result in self.samples]
        return mean(list(map(AXIS_COST[self.axis], self.cells.expected_costs[key])))

    def cell(self, rung: Cell | int) -> Cell:
        """A cell of the ladder; that of fewer samples than all is expected."""
        if isinstance(rung, Cell):
            return rung
        if rung == self.samples[0].cell.n:
            return self._cell(self.samples)
        estimated = self.cells.by_key.get(CellKey(self.searcher, rung), [])
        if estimated and all(result.estimated_from for result in estimated):
            return self._cell(estimated)
        key = (self.searcher, self.rule, rung)
        if key not in self.cells.expected:
            self.cells.expected[key] = [at(result, rung, [self.rule]) for result in self.samples]
        return self._cell(self.cells.expected[key])

    def at_scale(self, scale: float) -> Cell | None:
        """The cell of this N, or swept budget; None where neither a cell nor the samples have it."""
        own = (members for key, members in self.cells.by_key.items() if key.searcher == self.searcher)
        if members := next((members for members in own if members[0].scale == scale), None):
            return self._cell(members)
        return self.cell(int(scale)) if scale in self.ladder else None

    def at_cost(self, cost: float) -> Cell | None:
        """The baseline at `cost`, interpolated between its two neighbours on the ladder; None outside its range.

        A cost at most 2 % beyond the first or last rung takes that one.
        """
        first, last = (self.cost(self.ladder[place]) or 0.0 for place in (0, -1))
        if not first / NEAR <= cost <= last * NEAR:
            return None
        cost = min(max(cost, first), last)
        place = bisect_left(self.ladder, cost, hi=len(self.ladder) - 1, key=lambda rung: self.cost(rung) or 0.0)
        above = self.ladder[place]
        below = self.ladder[max(place - 1, 0)]
        return between(self.cell(below), self.cell(above), cost, self.cost(below) or 0.0, self.cost(above) or 0.0)

    def _cell(self, members: Sequence[Result]) -> Cell:
        return cell_of(members, self.axis, self.rule, self.problems)


def between(below: Cell, above: Cell, cost: float, low: float, high: float) -> Cell:
    """The cell at `cost`, linear in the logarithm of the cost between two cells that cost `low` and `high`."""
    share = 1.0 if low >= high or low <= 0 else float(np.log(cost / low) / np.log(high / low))
    if share <= _EXACT or share >= 1 - _EXACT:
        return (below if share <= _EXACT else above)._replace(cost=cost)
    correct = (1 - share) * below.correct + share * above.correct
    return below._replace(cost=cost, correct=correct, seeds=min(below.seeds, above.seeds), searched=False)


_EXACT = 1e-6  # a cost this near a cell's, as a share of the way to its neighbour, is that cell's


def shared_problems(groups: Iterable[Sequence[Result]], rule: str) -> list[str]:
    """The problems whose correctness under the rule is known in every group."""
    known = [set(correct_by_problem(members, rule)) for members in groups]
    return sorted(set.intersection(*known)) if known else []
