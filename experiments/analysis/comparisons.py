"""Compares searchers with a baseline at the same cost, cell by cell over the same problems."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import Cells, correct_by_problem, mean
from experiments.analysis.uncertainty import Interval, interval, p_value
from experiments.errors import RunError, one_of
from experiments.runs.axes import AXIS_COST, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import Result

NEAR = 1.02  # costs that differ by less are equal


SIGNIFICANT = 0.05  # p-values below it are significant


class Cell(NamedTuple):
    """A searcher's correctness by problem, [P], and its mean cost."""

    searcher: str
    scale: float  # n, or the swept budget
    cost: float  # 0 where it is not known
    correct: np.ndarray


class Comparison(NamedTuple):
    """A cell against the baseline at the same cost. All fields but `cell` are None where that cost is outside the
    baseline's range.

    `difference` is that of the mean correctness, with its 95 % interval over problems; `p_value` is from a paired
    permutation test; `better` and `worse` count the problems on which the cell is better or worse.
    """

    cell: Cell
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    better: int | None = None
    worse: int | None = None

    @property
    def verdict(self) -> str:
        if self.interval is None or self.p_value is None:
            return "no baseline"
        if self.interval.low <= 0 <= self.interval.high or self.p_value >= SIGNIFICANT:
            return "cannot tell"
        return "better" if self.interval.low > 0 else "worse"


def comparisons(cells: Cells, baseline: str, axis: Axis, rule: str, n: float | None = None) -> list[Comparison]:
    """Every cell of the other searchers against the baseline at equal compute, or all others against its cell `n`.

    `cells` are complete. Raises RunError where there is nothing to compare.
    """
    every = [_cell(members, axis, rule) for members in cells.by_key.values()]
    known = [cell for cell in every if cell.cost and rule in cells.rules[cell.searcher]]
    base = sorted((cell for cell in known if cell.searcher == baseline), key=lambda cell: cell.cost)
    if not base:
        raise RunError(f"baseline={baseline}: {_missing(cells, baseline, axis, rule)}")
    if n is not None:
        fixed = next((cell for cell in base if cell.scale == n), None)
        if fixed is None:
            raise RunError(f"n={n:g}: {baseline} has {', '.join(f'{cell.scale:g}' for cell in base)}")
        return [compared(cell, fixed.correct) for cell in known if cell is not fixed]
    others = [cell for cell in known if cell.searcher not in (baseline, GREEDY)]
    if not others:
        raise RunError(f"no searcher but {baseline} has answers chosen by {rule}")
    return [compared(cell, at_cost(base, cell.cost)) for cell in others]


def _missing(cells: Cells, baseline: str, axis: Axis, rule: str) -> str:
    if baseline not in cells.searchers:
        return f"not in this run; choose from {one_of(cells.searchers, baseline)}"
    if rule not in cells.rules[baseline]:
        return f"its answers were not chosen by {rule}; give another selection="
    return f"its {axis} are not known; give another axis="


def _cell(members: Sequence[Result], axis: Axis, rule: str) -> Cell:
    """The correctness and mean cost of a cell; the seeds of a problem are averaged."""
    by_problem = correct_by_problem(members, rule)
    correct = np.array([by_problem[problem] for problem in sorted(by_problem)])
    cost = mean([AXIS_COST[axis](member.ledger) for member in members]) or 0
    return Cell(members[0].cell.searcher, members[0].scale, cost, correct)


def at_cost(cells: Sequence[Cell], cost: float) -> np.ndarray | None:
    """Correctness by problem, [P], at `cost`, interpolated between the two nearest cells; None outside their range.

    `cells` are sorted by cost. A cost at most 2 % beyond the first or last cell takes that cell's correctness.
    """
    first, last = cells[0].cost, cells[-1].cost
    if first / NEAR <= cost <= last * NEAR:
        cost = min(max(cost, first), last)
    for below, above in zip(cells, [*cells[1:], cells[-1]], strict=True):
        if below.cost <= cost <= above.cost:
            share = 0.0 if above.cost == below.cost else np.log(cost / below.cost) / np.log(above.cost / below.cost)
            return (1 - share) * below.correct + share * above.correct
    return None


def compared(cell: Cell, baseline: np.ndarray | None) -> Comparison:
    if baseline is None:
        return Comparison(cell)
    gain = cell.correct - baseline
    gain[np.abs(gain) < 1e-9] = 0.0  # rounding of interpolated and expected values
    return Comparison(
        cell, float(gain.mean()), interval(list(gain)), p_value(gain), int((gain > 0).sum()), int((gain < 0).sum())
    )
