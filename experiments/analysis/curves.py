"""Accuracy against cost, as data: a line for each searcher, with intervals; `reports/curves.py` draws it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import Cells, correct_by_problem, mean
from experiments.analysis.fewer_samples import largest
from experiments.analysis.left_out import failed_share
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.uncertainty import accuracy_interval
from experiments.errors import RunError
from experiments.runs.axes import AXIS_COST, LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import ORACLE, Mark, Result
from search.answers.selection import Rule

REFERENCE = "best_of_n"  # whose majority and pass@N are drawn
SCALE = "n"
AXES = ("generated_tokens", "flops", SCALE)  # the default panels
SAMPLE_RULES = (ORACLE, Rule.BEST.value, Rule.WEIGHTED.value, Rule.MAJORITY.value)
_MOMENTS = 40  # points of a line of earlier ends

Place = Callable[[Result], float | None]


class Point(NamedTuple):
    """A cell in the chart: its position on each axis (None: unknown), and its accuracy with its interval."""

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


class Chart(NamedTuple):
    """The data of a chart: axes, a line for each searcher, their earlier ends, the references, the caption's facts."""

    axes: list[Panel]
    lines: list[Line]
    earlier: list[Line]
    references: list[Line]
    greedy: float | None
    problems: int
    seeds: list[int]
    chosen: str  # how answers were chosen
    failed: str = ""  # how many searches failed, in words
    finding: str = ""  # the title
    larger: tuple[str, float] | None = None  # a larger policy: its name, and the accuracy of its greedy decoding


def chart(cells: Cells, rule: Rule, axes: Sequence[str] = AXES) -> Chart:
    """The chart of complete cells. Raises RunError where no searcher's answers were chosen by the rule."""
    places = [place_on(axis) for axis in axes]
    allowed = [name for name in cells.searchers if rule.value in cells.rules[name]]
    lines = [line for name in allowed if (line := Line(name, points(cells, name, rule.value, places))).points]
    if not lines:
        raise RunError(f"no searcher's answers were chosen by {rule.value}; give another selection=")
    references = [("majority@N", Rule.MAJORITY.value)] * (rule is not Rule.MAJORITY) + [("pass@N", ORACLE)]
    return Chart(
        axes=panels(cells, axes),
        lines=lines,
        earlier=[line for name in allowed if (line := earlier(cells, name, rule.value, axes)).points],
        references=[Line(label, points(cells, REFERENCE, name, places)) for label, name in references],
        greedy=greedy_accuracy(cells, Rule.BEST.value),
        problems=len(cells.problems),
        seeds=cells.seeds,
        chosen=f"answers by {RULE_NAMES[rule.value]}",
        failed=failed_share(cells),
    )


def samples_cells(results: Sequence[Result]) -> Cells | None:
    """Every number of samples of the first searcher whose samples are independent; None without one."""
    cell = next(iter(largest(results)), [])
    members = [result for result in cell if result.gold is not None]
    return Cells.of(members) if any(result.samples for result in members) else None


def samples_chart(cells: Cells) -> Chart:
    """Every rule over the number of samples, for the cells of one searcher."""
    (name,) = cells.searchers
    axes = [SCALE, Axis.GENERATED_TOKENS]
    places = [place_on(axis) for axis in axes]
    lines = [Line(rule, points(cells, name, rule, places)) for rule in SAMPLE_RULES]
    return Chart(
        axes=[Panel("samples", exact=True), *panels(cells, axes[1:])],
        lines=[line for line in lines if line.points],
        earlier=[],
        references=[],
        greedy=None,
        problems=len(cells.problems),
        seeds=cells.seeds,
        chosen="answers of as many independent samples",
        failed=failed_share(cells),
    )


def panels(cells: Cells, axes: Sequence[str]) -> list[Panel]:
    swept = next((f"budget ({name.replace('_', ' ')})" for key in cells.by_key for name, _ in key.limit), None)
    scale_label = swept or "N: samples, beam size, simulations, particles"
    return [
        Panel(scale_label, exact=True) if axis == SCALE else Panel(f"{LABELS[Axis(axis)]} per problem", exact=False)
        for axis in axes
    ]


def place_on(axis: str) -> Place:
    """A function from a result to its position on an axis."""
    return lambda result: result.scale if axis == SCALE else AXIS_COST[axis](result.ledger)


def points(cells: Cells, searcher: str, rule: str, places: Sequence[Place]) -> list[Point]:
    """A searcher's points under a rule; a cell has none where the rule's correctness is unknown on all problems."""
    line: list[Point] = []
    for key, members in cells.by_key.items():
        correct = list(correct_by_problem(members, rule).values()) if key.searcher == searcher else []
        if correct:
            at = tuple(mean([place(result) for result in members]) for place in places)
            line.append(Point(at, float(np.mean(correct)), *accuracy_interval(correct)))
    return line


def greedy_accuracy(cells: Cells, rule: str) -> float | None:
    greedy = points(cells, GREEDY, rule, ())
    return greedy[0].accuracy if greedy else None


def larger_greedy(cells: Cells, results: Sequence[Result]) -> float:
    """The accuracy of greedy decoding in another run, on the problems of these cells. Raises RunError where it lacks
    one of them.
    """
    greedy = correct_by_problem([result for result in results if result.cell.searcher == GREEDY], Rule.BEST.value)
    if not greedy:
        raise RunError("no greedy decoding with a gold answer in it")
    if missing := sorted(set(cells.problems) - set(greedy)):
        raise RunError(f"{len(missing)} of the {len(cells.problems)} problems are not in it, as {missing[0]}")
    return float(np.mean([greedy[problem] for problem in cells.problems]))


def earlier(cells: Cells, searcher: str, rule: str, axes: Sequence[str]) -> Line:
    """The accuracy of the searcher's largest run if its budget had ended earlier.

    Each point is a budget: the mean cost of the problems up to it, and the accuracy. There are no points where the
    results have no anytime marks.
    """
    unlimited = [members for key, members in cells.by_key.items() if key.searcher == searcher and not key.limit]
    members = [result for result in unlimited[-1] if result.anytime is not None or result.error] if unlimited else []
    line: list[Point] = []
    for place, axis in enumerate(axes if members else ()):
        if axis == SCALE:
            continue
        costs = [AXIS_COST[axis](result.ledger) for result in members]
        totals = np.array([np.nan if cost is None else cost for cost in costs], dtype=np.float64)
        first = [_cost(mark, axis) for result in members for mark in (result.anytime or ())[:1]]
        if np.isnan(totals).any() or not first or totals.max() <= 0:
            continue
        for budget in np.geomspace(max(min(first), 1), totals.max(), _MOMENTS):
            accuracy = float(np.mean([ended_at(result, axis, rule, budget) for result in members]))
            at = [None] * place + [float(np.minimum(totals, budget).mean())] + [None] * (len(axes) - place - 1)
            line.append(Point(tuple(at), accuracy, accuracy, accuracy))
    return Line(searcher, line)


def ended_at(result: Result, axis: str, rule: str, budget: float) -> float:
    """Correctness if the search had ended at `budget` on the axis; wrong before its first answer."""
    before = [mark.correct for mark in result.anytime or () if _cost(mark, axis) <= budget]
    return before[-1].get(rule, 0.0) if before else 0.0


def _cost(mark: Mark, axis: str) -> float:
    """The cost at a mark; infinite where it is unknown."""
    cost = mark.spent[axis]
    return math.inf if cost is None else cost
