"""Accuracy against what was spent, as data: a line for each searcher, with intervals; `reports/curves.py` draws it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import by_cell, complete, correct_by_problem, mean, rules_of
from experiments.analysis.fewer_samples import largest, with_estimates
from experiments.analysis.uncertainty import interval
from experiments.errors import RunError
from experiments.runs.axes import LABELS, SPENT, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import ORACLE, CellKey, Mark, Result
from search.answers.selection import Rule

REFERENCE = "best_of_n"  # whose majority and pass@N are drawn


SCALE = "n"
AXES = ("generated_tokens", "flops", SCALE)  # that are drawn where none is asked for


SAMPLE_RULES = (ORACLE, Rule.BEST.value, Rule.WEIGHTED.value, Rule.MAJORITY.value)


RULE_NAMES = {
    "best": "highest score",
    "majority": "majority",
    "weighted": "weighted vote",
    "particle": "particle weight",
}


_MOMENTS = 40  # points of a line of earlier ends


class Point(NamedTuple):
    """A cell in the figure: where it stands on each axis (None: not known), and its accuracy with its interval."""

    places: tuple[float | None, ...]  # [axes]
    accuracy: float
    low: float
    high: float


class Line(NamedTuple):
    name: str
    points: list[Point]  # by n, or by the swept budget


class Panel(NamedTuple):
    """An axis: its label, and whether its ticks stand at the cells themselves."""

    label: str
    exact: bool


class Figure(NamedTuple):
    """All that is drawn: the axes, a line a searcher, their earlier ends, the references, what the caption says."""

    axes: list[Panel]
    lines: list[Line]
    earlier: list[Line]
    references: list[Line]
    greedy: float | None
    problems: int
    seeds: list[int]
    chosen: str  # how answers were chosen


def figure(results: Sequence[Result], rule: Rule, axes: Sequence[str] = ()) -> Figure:
    """What to draw. All cells are compared over the same problems: those that have ended in every one of them.

    `axes` are those of `Curves` where none is given.
    """
    shared, axes = complete(results), axes or AXES
    cells = by_cell(shared)
    places = [place_on(axis) for axis in axes]
    names = list(dict.fromkeys(name for name, *_ in cells if name != GREEDY))
    allowed = [name for name in names if rule.value in rules_of(shared)[name]]
    lines = [line for name in allowed if (line := Line(name, points(cells, name, rule.value, places))).points]
    if not lines:
        raise RunError(f"no searcher's answers were chosen by {rule.value}; give another selection=")
    references = [("majority@N", Rule.MAJORITY.value)] * (rule is not Rule.MAJORITY) + [("pass@N", ORACLE)]
    greedy = points(cells, GREEDY, Rule.BEST.value, places)
    return Figure(
        axes=panels(cells, axes),
        lines=lines,
        earlier=[line for name in allowed if (line := earlier(cells, name, rule.value, axes)).points],
        references=[Line(label, points(cells, REFERENCE, name, places)) for label, name in references],
        greedy=greedy[0].accuracy if greedy else None,
        problems=len({result.problem for result in shared}),
        seeds=sorted({result.seed for result in shared}),
        chosen=f"answers by {RULE_NAMES[rule.value]}",
    )


def samples_figure(results: Sequence[Result]) -> Figure | None:
    """Every rule over the number of samples, for the first searcher whose samples are independent; None without one."""
    cell = next(iter(largest(results)), [])
    members = [result for result in cell if result.gold is not None]
    if not members:
        return None
    cells, name = by_cell(with_estimates(members)), members[0].cell.searcher
    axes = [SCALE, Axis.GENERATED_TOKENS]
    places = [place_on(axis) for axis in axes]
    lines = [Line(rule, points(cells, name, rule, places)) for rule in SAMPLE_RULES]
    return Figure(
        axes=[Panel("samples", exact=True), *panels(cells, axes[1:])],
        lines=[line for line in lines if line.points],
        earlier=[],
        references=[],
        greedy=None,
        problems=len({result.problem for result in members}),
        seeds=sorted({result.seed for result in members}),
        chosen="answers of as many independent samples",
    )


def panels(cells: dict[CellKey, list[Result]], axes: Sequence[str]) -> list[Panel]:
    swept = next((f"budget ({name.replace('_', ' ')})" for key in cells for name, _ in key.limit), None)
    scale_label = swept or "N: samples, beam size, simulations, particles"
    return [
        Panel(scale_label, exact=True) if axis == SCALE else Panel(f"{LABELS[Axis(axis)]} per problem", exact=False)
        for axis in axes
    ]


def place_on(axis: str) -> Callable[[Result], float | None]:
    """Where a result stands on an axis."""
    return lambda result: result.scale if axis == SCALE else SPENT[axis](result.ledger)


def points(
    cells: dict[CellKey, list[Result]], searcher: str, rule: str, places: Sequence[Callable[[Result], float | None]]
) -> list[Point]:
    """A searcher's points under a rule, over the problems with a gold answer, and with scores where it takes them."""
    found: list[Point] = []
    for key, members in cells.items():
        if key.searcher == searcher:
            if not (correct := list(correct_by_problem(members, rule).values())):
                continue
            at = tuple(mean([place(result) for result in members]) for place in places)
            found.append(Point(at, float(np.mean(correct)), *interval(correct)))
    return found


def earlier(cells: dict[CellKey, list[Result]], searcher: str, rule: str, axes: Sequence[str]) -> Line:
    """What the searcher's largest run would have answered, had the budget ended earlier: at each of some budgets, the
    mean of what each problem had spent by then against the accuracy. No points where its tree does not tell.
    """
    of = [members for key, members in cells.items() if key.searcher == searcher and not key.limit]
    members = [result for result in of[-1] if result.anytime is not None or result.error] if of else []
    found: list[Point] = []
    for place, axis in enumerate(axes if members else ()):
        if axis == SCALE:
            continue
        spent = [SPENT[axis](result.ledger) for result in members]
        totals = np.array([np.nan if value is None else value for value in spent], dtype=np.float64)
        first = [_spent(mark, axis) for result in members for mark in (result.anytime or ())[:1]]
        if np.isnan(totals).any() or not first:
            continue
        for budget in np.geomspace(max(min(first), 1), totals.max(), _MOMENTS):
            accuracy = float(np.mean([ended_at(result, axis, rule, budget) for result in members]))
            at = [None] * place + [float(np.minimum(totals, budget).mean())] + [None] * (len(axes) - place - 1)
            found.append(Point(tuple(at), accuracy, accuracy, accuracy))
    return Line(searcher, found)


def ended_at(result: Result, axis: str, rule: str, budget: float) -> float:
    """Correctness had the search ended once it had spent `budget` on the axis; wrong before its first answer."""
    before = [mark.correct for mark in result.anytime or () if _spent(mark, axis) <= budget]
    return before[-1].get(rule, 0.0) if before else 0.0


def _spent(mark: Mark, axis: str) -> float:
    """Infinite where it is unknown."""
    spent = mark.spent[axis]
    return math.inf if spent is None else spent
