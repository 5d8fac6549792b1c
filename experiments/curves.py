"""Draws a sweep: accuracy against generated tokens, total FLOPs and N, a line for each searcher.

usage: stepsearch curves run=DIR [key=value ...]

Reads results.jsonl of the run folder and writes curves.png and curves.svg beside it. Greedy decoding, the majority and
pass@N of Best-of-N are drawn for reference. Bands are 95 % intervals, by bootstrap over problems.

    stepsearch curves run=runs/demo
    stepsearch curves run=runs/demo selection=majority name=majority
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.bootstrap import interval
from experiments.cells import GREEDY
from experiments.compose import compose
from experiments.errors import ConfigError, RunError
from experiments.results import ORACLE, Result, read_results
from experiments.schema import build
from experiments.summary import by_cell, mean, rules_of
from search.selection import Rule

REFERENCE = "best_of_n"  # whose majority and pass@N are drawn


@dataclass(frozen=True)
class Curves:
    """The knobs of `stepsearch curves`."""

    run: str | None = None
    """the run folder of a sweep"""
    selection: Any = None
    name: str = "curves"
    """of the two files, which end in .png and .svg"""


class Point(NamedTuple):
    """A cell in the figure: where it stands on each axis (None: not known), and its accuracy with its interval."""

    places: tuple[float | None, ...]  # [axes]
    accuracy: float
    low: float
    high: float


class Line(NamedTuple):
    name: str
    points: list[Point]  # by n, or by the swept budget


class Figure(NamedTuple):
    """All that is drawn: the labels of the axes, a line a searcher, the references, what the caption says."""

    axes: list[str]
    lines: list[Line]
    references: list[Line]
    greedy: float | None
    problems: int
    seeds: list[int]
    rule: str


def main(overrides: Sequence[str] = ()) -> int:
    curves: Curves = build(compose(Curves, overrides))
    if not curves.run:
        raise ConfigError("curves needs the folder of a sweep: run=DIR")
    folder = Path(curves.run).expanduser()
    for path in draw_run(folder, read_results(folder), curves.selection.rule, curves.name):
        print(path)
    return 0


def draw_run(folder: Path, results: Sequence[Result], rule: Rule, name: str = "curves") -> list[Path]:
    """Writes the figure as PNG and SVG and returns their paths. Raises RunError where there is nothing to draw."""
    from experiments.figure import save

    return save(figure(results, rule), folder / name)


def figure(results: Sequence[Result], rule: Rule) -> Figure:
    """What to draw. All cells are compared over the same problems: those that have ended in every one of them."""
    shared = in_every_cell([result for result in results if result.gold is not None])
    cells = by_cell(shared)
    swept = next((f"budget ({name.replace('_', ' ')})" for _, _, limit in cells for name, _ in limit), None)
    axes: list[tuple[str, Callable[[Result], float | None]]] = [
        ("generated tokens per problem", lambda result: result.ledger["generated_tokens"]),
        ("FLOPs per problem, policy and scorer", lambda result: result.ledger["flops"]),
        (swept or "N: samples, beam size, simulations, particles", scale),
    ]
    places = [place for _, place in axes]
    names = list(dict.fromkeys(name for name, _, _ in cells if name != GREEDY))
    allowed = [name for name in names if rule.value in rules_of(shared)[name]]
    lines = [Line(name, points(cells, name, rule.value, places)) for name in allowed]
    if not lines:
        raise RunError(f"no searcher's answers were chosen by {rule.value}; give another selection=")
    references = [("majority", Rule.MAJORITY.value)] * (rule is not Rule.MAJORITY) + [("pass@N", ORACLE)]
    greedy = points(cells, GREEDY, Rule.BEST.value, places)
    return Figure(
        axes=[label for label, _ in axes],
        lines=lines,
        references=[Line(label, points(cells, REFERENCE, name, places)) for label, name in references],
        greedy=greedy[0].accuracy if greedy else None,
        problems=len({result.problem for result in shared}),
        seeds=sorted({result.seed for result in shared}),
        rule=rule.value,
    )


def in_every_cell(results: Sequence[Result]) -> list[Result]:
    """The results of the problems that have ended in every cell. Raises RunError where there are none."""
    cells = by_cell(results).values()
    shared = set.intersection(*({result.problem for result in members} for members in cells)) if cells else set()
    if not shared:
        raise RunError("no problem with a gold answer has ended in every cell")
    return [result for result in results if result.problem in shared]


def points(
    cells: dict[Any, list[Result]], searcher: str, rule: str, places: Sequence[Callable[[Result], float | None]]
) -> list[Point]:
    """A searcher's points under a rule, all problems with a gold answer."""
    found: list[Point] = []
    for (name, _, _), members in cells.items():
        if name == searcher:
            correct = [value for result in members if (value := result.correct(rule)) is not None]
            at = tuple(mean([place(result) for result in members]) for place in places)
            found.append(Point(at, float(np.mean(correct)), *interval(correct)))
    return found


def scale(result: Result) -> float:
    """The swept budget, or n where none is swept."""
    return next(iter(result.cell["budget"].values()), result.cell["n"])


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["curves", *sys.argv[1:]]))
