"""Draws a sweep: accuracy against what was spent, on any axes, a line for each searcher.

usage: stepsearch curves run=DIR [key=value ...]

Reads results.jsonl of the run folder and writes curves.png and curves.svg beside it, and where there are independent
samples samples.png and samples.svg: every rule over the number of samples. Greedy decoding, the majority and
pass@N of Best-of-N are drawn for reference; thin lines are what a tree search would have answered, had its largest run
ended earlier. Bands are 95 % intervals, by bootstrap over problems; the seeds of one problem are averaged first.

    stepsearch curves run=runs/demo
    stepsearch curves run=runs/demo selection=majority name=majority
    stepsearch curves run=runs/demo axes=[computed_tokens,unique_tokens,calls] name=costs
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.axes import LABELS, SPENT, Axis
from experiments.bootstrap import interval
from experiments.cells import GREEDY
from experiments.compose import compose
from experiments.errors import ConfigError, RunError, one_of
from experiments.estimates import largest, with_estimates
from experiments.results import ORACLE, Result, correct_by_problem, read_results
from experiments.schema import build
from experiments.summary import by_cell, mean, rules_of
from search.selection import Rule

REFERENCE = "best_of_n"  # whose majority and pass@N are drawn
SCALE = "n"
SAMPLE_RULES = (ORACLE, Rule.BEST.value, Rule.WEIGHTED.value, Rule.MAJORITY.value)
RULE_NAMES = {
    "best": "highest score",
    "majority": "majority",
    "weighted": "weighted vote",
    "particle": "particle weight",
}
_MOMENTS = 40  # points of a line of earlier ends


@dataclass(frozen=True)
class Curves:
    """The knobs of `stepsearch curves`."""

    run: str | None = None
    """the run folder of a sweep, or of `stepsearch import`"""
    selection: Any = None
    axes: list[str] = field(default_factory=lambda: ["generated_tokens", "flops", "n"])
    """a panel each: generated_tokens, computed_tokens, unique_tokens, flops, calls, n"""
    name: str = "curves"
    """of the two files, which end in .png and .svg"""

    def __post_init__(self) -> None:
        for name in self.axes:
            if name not in (*SPENT, SCALE):
                raise ConfigError(f"axes: no such axis {name!r}; choose from {one_of([*SPENT, SCALE], str(name))}")
        if not self.axes:
            raise ConfigError(f"axes: name at least one of {one_of([*SPENT, SCALE])}")


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


def main(overrides: Sequence[str] = ()) -> int:
    curves: Curves = build(compose(Curves, overrides))
    if not curves.run:
        raise ConfigError("curves needs the folder of a sweep: run=DIR")
    folder = Path(curves.run).expanduser()
    results = read_results(folder)
    drawn = draw_samples(folder, results)
    try:
        drawn += draw_run(folder, results, curves.selection.rule, curves.name, curves.axes)
    except RunError as error:
        if not drawn:
            raise
        print(f"no {curves.name}: {error}", file=sys.stderr)
    for path in drawn:
        print(path)
    return 0


def draw_run(
    folder: Path, results: Sequence[Result], rule: Rule, name: str = "curves", axes: Sequence[str] = ()
) -> list[Path]:
    """Writes the figure as PNG and SVG and returns their paths. Raises RunError where there is nothing to draw."""
    from experiments.figure import save

    return save(figure(results, rule, axes), folder / name)


def draw_samples(folder: Path, results: Sequence[Result]) -> list[Path]:
    """Writes the figure of independent samples, where there are any, and returns its paths."""
    from experiments.figure import save

    drawn = samples_figure(results)
    return save(drawn, folder / "samples") if drawn else []


def figure(results: Sequence[Result], rule: Rule, axes: Sequence[str] = ()) -> Figure:
    """What to draw. All cells are compared over the same problems: those that have ended in every one of them.

    `axes` are those of `Curves` where none is given.
    """
    shared, axes = complete(results), axes or Curves().axes
    cells = by_cell(shared)
    places = [place_on(axis) for axis in axes]
    names = list(dict.fromkeys(name for name, _, _ in cells if name != GREEDY))
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
    cells, name = by_cell(with_estimates(members)), members[0].cell["searcher"]
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


def complete(results: Sequence[Result]) -> list[Result]:
    """What can be compared: cells that were run or are read off others, and the problems that ended in all of them."""
    return in_every_cell(with_estimates([result for result in results if result.gold is not None]))


def in_every_cell(results: Sequence[Result]) -> list[Result]:
    """The results of the problems that have ended in every cell, with each seed that did. Raises RunError where there
    are none. Greedy decoding has one seed for all.
    """
    cells = by_cell(results)
    searched = [{(r.problem, r.seed) for r in members} for (name, *_), members in cells.items() if name != GREEDY]
    problems = [{result.problem for result in members} for members in cells.values()]
    both = set.intersection(*searched) if searched else {(r.problem, r.seed) for r in results}
    shared = set.intersection({problem for problem, _ in both}, *problems)
    if not shared:
        raise RunError("no problem with a gold answer has ended in every cell")
    kept = [result for result in results if result.problem in shared]
    return [r for r in kept if r.cell["searcher"] == GREEDY or (r.problem, r.seed) in both]


def panels(cells: dict[Any, list[Result]], axes: Sequence[str]) -> list[Panel]:
    swept = next((f"budget ({name.replace('_', ' ')})" for _, _, limit in cells for name, _ in limit), None)
    scale_label = swept or "N: samples, beam size, simulations, particles"
    return [
        Panel(scale_label, exact=True) if axis == SCALE else Panel(f"{LABELS[Axis(axis)]} per problem", exact=False)
        for axis in axes
    ]


def place_on(axis: str) -> Callable[[Result], float | None]:
    """Where a result stands on an axis."""
    return scale if axis == SCALE else lambda result: SPENT[axis](result.ledger)


def scale(result: Result) -> float:
    """The swept budget, or n where none is swept."""
    return next(iter(result.cell["budget"].values()), result.cell["n"])


def points(
    cells: dict[Any, list[Result]], searcher: str, rule: str, places: Sequence[Callable[[Result], float | None]]
) -> list[Point]:
    """A searcher's points under a rule, over the problems with a gold answer, and with scores where it takes them."""
    found: list[Point] = []
    for (name, _, _), members in cells.items():
        if name == searcher:
            if not (correct := list(correct_by_problem(members, rule).values())):
                continue
            at = tuple(mean([place(result) for result in members]) for place in places)
            found.append(Point(at, float(np.mean(correct)), *interval(correct)))
    return found


def earlier(cells: dict[Any, list[Result]], searcher: str, rule: str, axes: Sequence[str]) -> Line:
    """What the searcher's largest run would have answered, had the budget ended earlier: at each of some budgets, the
    mean of what each problem had spent by then against the accuracy. No points where its tree does not tell.
    """
    of = [members for (name, _, limit), members in cells.items() if name == searcher and not limit]
    members = [result for result in of[-1] if result.anytime is not None or result.error] if of else []
    found: list[Point] = []
    for place, axis in enumerate(axes if members else ()):
        if axis == SCALE:
            continue
        spent = [SPENT[axis](result.ledger) for result in members]
        totals = np.array([np.nan if value is None else value for value in spent], dtype=np.float64)
        first = [mark["spent"][axis] for result in members for mark in (result.anytime or ())[:1]]
        if np.isnan(totals).any() or not first:
            continue
        for budget in np.geomspace(max(min(first), 1), totals.max(), _MOMENTS):
            accuracy = float(np.mean([ended_at(result, axis, rule, budget) for result in members]))
            at = [None] * place + [float(np.minimum(totals, budget).mean())] + [None] * (len(axes) - place - 1)
            found.append(Point(tuple(at), accuracy, accuracy, accuracy))
    return Line(searcher, found)


def ended_at(result: Result, axis: str, rule: str, budget: float) -> float:
    """Correctness had the search ended once it had spent `budget` on the axis; wrong before its first answer."""
    before = [mark["correct"] for mark in result.anytime or () if mark["spent"][axis] <= budget]
    return before[-1].get(rule, 0.0) if before else 0.0


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["curves", *sys.argv[1:]]))
