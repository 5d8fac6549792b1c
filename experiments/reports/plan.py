"""Presents a plan: the table, the sentences, the recommended command lines, the files and the picture."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.analysis.curves import Chart, Line, Panel, Point
from experiments.analysis.differences import SIGNIFICANT
from experiments.analysis.optimal import ONE_LEVEL, Grid, Measured, curve, gain
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.uncertainty import accuracy_interval
from experiments.config.registry import GROUPS
from experiments.config.settings import searcher_of, setting_of
from experiments.reports.tables import listed, needed_words, new_table, spread, write_rows
from experiments.runs.axes import LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import CellKey
from experiments.terminal import exact, number, percent
from search.answers.selection import Rule


def table(
    chosen: Mapping[str, CellKey],
    levels: np.ndarray,
    optimal: Measured,
    budget: float,
    axis: Axis,
    seeds: Sequence[int],
) -> Table:
    """A row for each level: the setting chosen on all its problems, and the cross-fitted cost and accuracy."""
    title = f"at most {number(budget)} {LABELS[axis]} a problem; {len(levels)} problems, seed {listed(seeds)}"
    columns = ("problems", "searcher", "N", "cost", "expected %", "95 % interval")
    rows = new_table(title, "level", *columns, left=("searcher",))
    for level, setting in chosen.items():
        in_level = levels == level
        measured = optimal.of(in_level)
        cost = number(float(measured.cost.mean()))
        accuracy = (percent(measured.accuracy), spread(measured.interval))
        rows.add_row(level, str(int(in_level.sum())), setting.searcher, number(setting.scale), cost, *accuracy)
    return rows


def accuracy_line(what: str, measured: Measured) -> str:
    accuracy = f"{percent(measured.accuracy)} % (95 % interval {spread(measured.interval)})"
    return f"{what}: {accuracy} at a cost of {number(float(measured.cost.mean()))} a problem, cross-fitted"


def gain_line(optimal: Measured, single: Measured) -> str:
    one = gain(optimal, single)
    verdict = "levels help" if one.mean > 0 else "levels harm"
    if one.p_value >= SIGNIFICANT:
        verdict = f"cannot tell whether levels help{needed_words(one)}"
    return f"difference: {percent(one.mean, '+')} ({spread(one.interval, '+')}, p {one.p_value:.3f}): {verdict}"


def finding(optimal: Measured | None, single: Measured, budget: float, axis: Axis) -> str:
    """The title of the picture: what the levels gain at the budget; `optimal` is None where there is only one."""
    at = f"at {number(budget)} {LABELS[axis].partition(',')[0]} a problem"
    count = f"{len(single.cost)} problems"
    if optimal is None:
        return f"The best single setting {at} is right on {percent(single.accuracy)} % ({count})"
    one = gain(optimal, single)
    if one.p_value >= SIGNIFICANT:
        return f"Choosing by level cannot be told from one setting for all {at} ({count})"
    low, high = sorted(abs(100 * end) for end in one.interval)
    size = f"{100 * abs(one.mean):.1f} points {'above' if one.mean > 0 else 'below'}"
    return f"Choosing by level is {size} one setting {at} (95 % interval {low:.1f} to {high:.1f}; {count})"


def commands(chosen: Mapping[str, CellKey], knobs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The command line of the chosen setting, for each level."""
    lines = ["recommended searches:"]
    for level, setting in chosen.items():
        searcher, place = searcher_of(setting.searcher), setting_of(setting.searcher)
        if place not in knobs:
            greedy = "search=best_of_n search.n=1 policy.temperature=0"
            lines.append(f"  level {level}: {greedy if setting.searcher == GREEDY else setting.searcher}")
            continue
        own = dict(knobs[place])
        arguments = own.pop("args", None) or {}
        if searcher != "custom":
            own[GROUPS["search"][searcher].scale] = setting.n
        limits = [f"budget.{name}={exact(value)}" for name, value in setting.limit]
        words = [f"search.{name}={_word(value)}" for name, value in own.items()]
        words += [f"search.args.{name}={_word(value)}" for name, value in arguments.items()]
        words += [f"(its scale at {setting.n})"] * (searcher == "custom")
        lines.append(f"  level {level}: " + " ".join([f"search={searcher}", *words, *limits]))
    return lines


def _word(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shlex.quote(text)


def write(folder: Path, world: Grid, levels: np.ndarray, drawn: Chart) -> list[Path]:
    """Writes levels.csv, plan.png and plan.svg. Raises RunError where a file cannot be written."""
    from experiments.reports.curves import save

    header = ["level", "searcher", "n", "budget", "problems", "accuracy", "ci_low", "ci_high", "cost"]
    write_rows(folder / "levels.csv", header, _rows(world, levels))
    return [folder / "levels.csv", *save(drawn, folder / "plan")]


def _rows(world: Grid, levels: np.ndarray) -> Iterator[list[object]]:
    for level in np.unique(levels):
        in_level = levels == level
        figures = zip(world.settings, world.correct[:, in_level], world.cost[:, in_level], strict=True)
        for setting, correct, cost in figures:
            limit = setting.scale if setting.limit else ""
            ends = accuracy_interval(correct)
            yield [level, setting.searcher, setting.n, limit, int(in_level.sum()), correct.mean(), *ends, cost.mean()]


def chart(world: Grid, levels: np.ndarray, axis: Axis, rule: Rule, seed: int, seeds: Sequence[int]) -> Chart:
    """The compute-optimal curve, that of one setting for all problems, and Best-of-N.

    `seed` is that of the splits into halves, `seeds` are those of the searches.
    """

    def line(name: str, points: Sequence[tuple[float, Measured]]) -> Line:
        return Line(name, [Point((float(m.cost.mean()),), m.accuracy, *m.interval) for _, m in points])

    one = np.full(len(levels), ONE_LEVEL)
    lines = [line("one_setting", curve(world, one, seed, levels))]
    if len(np.unique(levels)) > 1:
        lines.insert(0, line("compute_optimal", curve(world, levels, seed)))
    reference = [
        Point((float(cost.mean()),), float(correct.mean()), *accuracy_interval(correct))
        for setting, correct, cost in zip(world.settings, world.correct, world.cost, strict=True)
        if setting.searcher == "best_of_n"
    ]
    return Chart(
        axes=[Panel(f"{LABELS[axis]} per problem", exact=False)],
        lines=lines,
        earlier=[],
        references=[Line("every_best_of_n", reference)],
        greedy=None,
        problems=len(world.problems),
        seeds=list(seeds),
        chosen=f"answers by {RULE_NAMES[rule.value]}, settings chosen on the other half",
    )
