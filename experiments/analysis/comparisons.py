"""Compares searchers with a baseline at the same cost, cell by cell over the same problems."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from experiments.analysis.baseline import Baseline, Cell, cell_of, shared_problems
from experiments.analysis.cells import Cells
from experiments.analysis.differences import SIGNIFICANT, Difference, expected_squares, holm, paired
from experiments.errors import RunError, one_of
from experiments.runs.axes import Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import CellKey, Result


class Comparison(NamedTuple):
    """A cell against the baseline.

    `difference` is None where there is none: the cell's cost is unknown, or outside the baseline's range. `p_value` is
    adjusted by Holm's method for all comparisons that were made with it. `better` and `worse` count the problems on
    which the cell is better or worse; None where either side is expected or interpolated instead of searched.
    """

    cell: Cell
    difference: Difference | None = None
    p_value: float | None = None
    better: int | None = None
    worse: int | None = None

    @property
    def verdict(self) -> str:
        if self.difference is None or self.p_value is None:
            return "cost unknown" if self.cell.cost is None else "no baseline"
        if self.p_value >= SIGNIFICANT:
            return "cannot tell"
        return "better" if self.difference.mean > 0 else "worse"


def comparisons(cells: Cells, baseline: str, axis: Axis, rule: str, n: float | None = None) -> list[Comparison]:
    """Every cell of the other searchers against the baseline at equal compute, or all others against its N `n`.

    `cells` are complete. Raises RunError where there is nothing to compare.
    """
    base = _baseline(cells, baseline, axis, rule)
    if n is not None:
        fixed = base.at_scale(n)
        if fixed is None:
            raise RunError(f"n={n:g}: {baseline} has {_scales(base)}")
        rest = _others(cells, rule, lambda key: key.searcher != baseline or key.scale != n)
        return adjusted([compared(cell_of(members, axis, rule, base.problems), fixed) for members in rest])
    if not base.has_costs:
        raise RunError(f"baseline={baseline}: its {axis} are not known for every search; give another axis=")
    others = _others(cells, rule, lambda key: key.searcher not in (baseline, GREEDY))
    if not others:
        raise RunError(f"no searcher but {baseline} has answers chosen by {rule}")
    every = [cell_of(members, axis, rule, base.problems) for members in others]
    return adjusted([compared(cell, None if cell.cost is None else base.at_cost(cell.cost)) for cell in every])


def at_equal_scale(cells: Cells, baseline: str, rule: str) -> list[Comparison]:
    """Every cell of the other searchers against the baseline at the same N, or swept budget, where it has that.

    Raises RunError where there is nothing to compare.
    """
    axis = Axis.GENERATED_TOKENS  # only for the costs that are shown
    base = _baseline(cells, baseline, axis, rule)
    found: list[Comparison] = []
    for members in _others(cells, rule, lambda key: key.searcher not in (baseline, GREEDY)):
        if same := base.at_scale(members[0].scale):
            found.append(compared(cell_of(members, axis, rule, base.problems), same))
    if not found:
        raise RunError(f"no other searcher has answers chosen by {rule} at a scale that {baseline} has")
    return adjusted(found)


def compared(cell: Cell, baseline: Cell | None) -> Comparison:
    """The comparison, its p-value not yet adjusted. Where one side is expected, its values give the least variance."""
    if baseline is None:
        return Comparison(cell)
    gains, least = cell.correct - baseline.correct, 0.0
    if cell.searched != baseline.searched:
        searched, expected = (cell, baseline) if cell.searched else (baseline, cell)
        least = expected_squares(expected.correct, searched.seeds)
    difference = paired(gains, min(cell.seeds, baseline.seeds), least)
    if not (cell.searched and baseline.searched):
        return Comparison(cell, difference, difference.p_value)
    return Comparison(cell, difference, difference.p_value, int((gains > 0).sum()), int((gains < 0).sum()))


def adjusted(found: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with p-values that are adjusted for all of them."""
    p_values = iter(holm([one.difference.p_value for one in found if one.difference]))
    return [one._replace(p_value=next(p_values)) if one.difference else one for one in found]


def _baseline(cells: Cells, baseline: str, axis: Axis, rule: str) -> Baseline:
    if baseline not in cells.searchers:
        raise RunError(f"baseline={baseline}: not in this run; choose from {one_of(cells.searchers, baseline)}")
    if rule not in cells.rules[baseline]:
        raise RunError(f"baseline={baseline}: its answers were not chosen by {rule}; give another selection=")
    groups = _others(cells, rule, lambda key: True)
    problems = shared_problems(groups, rule)
    if not problems:
        raise RunError(f"no problem has a known correctness by {rule} in every cell; give another selection=")
    return Baseline(cells, baseline, axis, rule, problems)


def _others(cells: Cells, rule: str, keep: Callable[[CellKey], bool]) -> list[list[Result]]:
    """The results of the cells to keep, where some answer was chosen by the rule."""
    return [members for key, members in cells.by_key.items() if rule in cells.rules[key.searcher] and keep(key)]


def _scales(base: Baseline) -> str:
    """The scales that a baseline has, as text."""
    if base.samples:
        return f"1 to {base.samples[0].cell.n}"
    return ", ".join(f"{rung.scale:g}" for rung in base.ladder if isinstance(rung, Cell))
