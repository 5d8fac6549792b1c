"""Compares searchers at equal compute: is a searcher better than the baseline that spends as much?

usage: stepsearch compare run=DIR [key=value ...]

Reads results.jsonl of the run folder. Each cell of the other searchers is compared, problem by problem, with what the
baseline reaches at the same mean cost: interpolated between its two nearest cells on the logarithm of the cost, and
never more than 2 % beyond its first or last one. `n=1` compares every cell with the baseline's cell of that N instead,
whatever it costs. Where the 95 % interval of the difference holds 0, or p is not below 0.05, the verdict is that it
cannot tell: on few problems the interval alone promises too much.

    stepsearch compare run=runs/demo
    stepsearch compare run=runs/demo baseline=beam axis=flops selection=majority
    stepsearch compare run=runs/demo n=1
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.axes import SPENT, Axis
from experiments.bootstrap import Interval, interval
from experiments.cells import GREEDY
from experiments.compose import compose
from experiments.curves import complete, scale
from experiments.errors import ConfigError, RunError, one_of
from experiments.results import Result, correct_by_problem, read_results
from experiments.schema import build
from experiments.summary import by_cell, mean, rules_of
from experiments.terminal import number, screen

PERMUTATIONS = 10_000
NEAR = 1.02  # costs that differ by less are equal
SIGNIFICANT = 0.05  # below it, signs so unequal are not put down to chance


@dataclass(frozen=True)
class Compare:
    """The knobs of `stepsearch compare`."""

    run: str | None = None
    """the run folder of a sweep"""
    baseline: str = "best_of_n"
    """the searcher that the others are compared with"""
    axis: Axis = Axis.GENERATED_TOKENS
    """compute: generated_tokens, computed_tokens (policy and scorer), unique_tokens, flops or calls"""
    n: float | None = None
    """compare with the baseline's cell of this N (or swept budget), whatever it costs; null: at equal compute"""
    selection: Any = None


class Cell(NamedTuple):
    """A searcher's correctness by problem, [P], and its mean cost."""

    searcher: str
    scale: float  # n, or the swept budget
    cost: float  # 0 where it is not known
    correct: np.ndarray


class Comparison(NamedTuple):
    """A cell against the baseline at the same cost; all but `cell` are None where the baseline never spent as much, or
    as little.

    `difference` of the mean correctness with its 95 % interval over problems, the `p_value` of a paired permutation
    test, and on how many problems either is the better one.
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


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Compare = build(compose(Compare, overrides))
    if not knobs.run:
        raise ConfigError("compare needs the folder of a sweep: run=DIR")
    results = complete(read_results(Path(knobs.run).expanduser()))
    rule = knobs.selection.rule.value
    screen().print(table(comparisons(results, knobs.baseline, knobs.axis, rule, knobs.n), knobs, rule, results))
    return 0


def comparisons(
    results: Sequence[Result], baseline: str, axis: Axis, rule: str, n: float | None = None
) -> list[Comparison]:
    """Every cell of the other searchers against the baseline at equal compute, or all others against its cell `n`.

    Raises RunError where there is nothing to compare.
    """
    rules, cells = rules_of(results), [_cell(members, axis, rule) for members in by_cell(results).values()]
    cells = [cell for cell in cells if cell.cost and rule in rules[cell.searcher]]
    base = sorted((cell for cell in cells if cell.searcher == baseline), key=lambda cell: cell.cost)
    if not base:
        raise RunError(f"baseline={baseline}: {_missing(results, baseline, axis, rule)}")
    if n is not None:
        fixed = next((cell for cell in base if cell.scale == n), None)
        if fixed is None:
            raise RunError(f"n={n:g}: {baseline} has {', '.join(f'{cell.scale:g}' for cell in base)}")
        return [compared(cell, fixed.correct) for cell in cells if cell is not fixed]
    others = [cell for cell in cells if cell.searcher not in (baseline, GREEDY)]
    if not others:
        raise RunError(f"there is no searcher but {baseline} to compare by {rule}")
    return [compared(cell, at_cost(base, cell.cost)) for cell in others]


def _missing(results: Sequence[Result], baseline: str, axis: Axis, rule: str) -> str:
    names = [name for name in rules_of(results) if name != GREEDY]
    if baseline not in names:
        return f"not in this run; choose from {one_of(names, baseline)}"
    if rule not in rules_of(results)[baseline]:
        return f"its answers were not chosen by {rule}; give another selection="
    return f"its {axis} are not known; give another axis="


def _cell(members: Sequence[Result], axis: Axis, rule: str) -> Cell:
    """Seeds of one problem are averaged."""
    by_problem = correct_by_problem(members, rule)
    correct = np.array([by_problem[problem] for problem in sorted(by_problem)])
    cost = mean([SPENT[axis](member.ledger) for member in members]) or 0
    return Cell(members[0].cell["searcher"], scale(members[0]), cost, correct)


def at_cost(cells: Sequence[Cell], cost: float) -> np.ndarray | None:
    """Correctness by problem, [P], at `cost`, between the two cells around it; None outside of them. Sorted by cost.

    A cost that is less than 2 % beyond the first or the last cell is that cell's.
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
    gain[np.abs(gain) < 1e-9] = 0.0  # rounding of interpolated and expected values
    return Comparison(
        cell, float(gain.mean()), interval(list(gain)), p_value(gain), int((gain > 0).sum()), int((gain < 0).sum())
    )


def p_value(gain: np.ndarray, seed: int = 0) -> float:
    """Two-sided, of a paired permutation test: each problem's difference, [P], might as well have the other sign.

    The observed signs count as one of the permutations (Phipson and Smyth 2010, equation 2), so that it is never 0.
    """
    as_large = np.abs(_signs(len(gain), seed) @ gain) >= abs(gain.sum()) - 1e-9
    return float((1 + as_large.sum()) / (1 + PERMUTATIONS))


@lru_cache(maxsize=1)
def _signs(count: int, seed: int) -> np.ndarray:
    """[permutations, count] of 1 and -1; many comparisons share them."""
    return np.random.default_rng(seed).integers(0, 2, (PERMUTATIONS, count), dtype=np.int8) * 2 - 1


def table(found: Sequence[Comparison], knobs: Compare, rule: str, results: Sequence[Result]) -> Table:
    problems, seeds = len({r.problem for r in results}), sorted({r.seed for r in results})
    axis = knobs.axis.replace("_", " ")
    against = f"at equal {axis}" if knobs.n is None else f"of {knobs.n:g}; cost in {axis}"
    title = f"against {knobs.baseline} {against}; {rule}; {problems} problems, seed "
    shown = Table(title=title + ", ".join(map(str, seeds)), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("searcher", no_wrap=True)
    for heading in ("N", "cost", "accuracy %", "difference", "95 % interval", "p", "better/worse"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    for one in found:
        cells = ["", "", "", ""]
        if one.difference is not None and one.interval is not None:
            low, high = one.interval
            cells = [f"{100 * one.difference:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}", f"{one.p_value:.3f}"]
            cells.append(f"{one.better}/{one.worse}")
        accuracy = f"{100 * one.cell.correct.mean():.1f}"
        shown.add_row(one.cell.searcher, number(one.cell.scale), number(one.cell.cost), accuracy, *cells, one.verdict)
    return shown


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["compare", *sys.argv[1:]]))
