"""A plan for people: the table, the sentences, the words to search so, the files and the picture."""

import csv
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.analysis.comparisons import Cell, compared
from experiments.analysis.curves import RULE_NAMES, Figure, Line, Panel, Point
from experiments.analysis.optimal import ONE_LEVEL, Grid, Measured, curve, settings
from experiments.analysis.uncertainty import interval
from experiments.errors import RunError
from experiments.runs.axes import LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import Result
from experiments.terminal import exact, number
from search.answers.selection import Rule


def table(
    found: Grid, levels: np.ndarray, optimal: Measured, budget: float, axis: Axis, results: Sequence[Result]
) -> Table:
    """A line for each level: the choice on all its problems, and what choices made on a half gave on the other."""
    seeds = ", ".join(map(str, sorted({result.seed for result in results})))
    title = f"at most {number(budget)} {LABELS[axis]} a problem; {len(levels)} problems, seed {seeds}"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("level", "problems", "searcher", "N", "cost", "expected %", "95 % interval"):
        shown.add_column(heading, justify="left" if heading in ("level", "searcher") else "right", no_wrap=True)
    for level, setting in settings(found, levels, budget).items():
        of = levels == level
        correct = optimal.correct[of]
        low, high = interval(correct.tolist())
        cost = number(float(optimal.cost[of].mean()))
        figures = (f"{100 * correct.mean():.1f}", f"{100 * low:.0f} to {100 * high:.0f}")
        scale = number(setting.scale)
        shown.add_row(level, str(int(of.sum())), setting.searcher, scale, cost, *figures)
    return shown


def _said(what: str, measured: Measured) -> str:
    low, high = measured.interval
    accuracy = f"{100 * measured.accuracy:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"
    return f"{what}: {accuracy} for {number(float(measured.cost.mean()))} a problem, on problems not chosen on"


def _gain(optimal: Measured, single: Measured) -> str:
    gain = compared(Cell("by level", 0, float(optimal.cost.mean()), optimal.correct), single.correct)
    assert gain.difference is not None and gain.interval is not None
    low, high = gain.interval
    told = {"better": "levels help", "worse": "levels harm"}.get(gain.verdict, "cannot tell whether levels help")
    figures = f"{100 * gain.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}, p {gain.p_value:.3f})"
    return f"difference: {figures}: {told}"


def commands(found: Grid, levels: np.ndarray, budget: float, knobs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The words that search so, for each level."""
    lines = ["to search so:"]
    for level, setting in settings(found, levels, budget).items():
        if setting.searcher not in knobs:
            greedy = "search=best_of_n search.n=1 policy.temperature=0"
            lines.append(f"  level {level}: {greedy if setting.searcher == GREEDY else setting.searcher}")
            continue
        own = dict(knobs[setting.searcher])
        given = own.pop("args", None) or {}
        if setting.searcher != "custom":
            own["simulations" if "simulations" in own else "n"] = setting.n
        limits = [f"budget.{name}={exact(value)}" for name, value in setting.limit]
        words = [f"search.{name}={_word(value)}" for name, value in own.items()]
        words += [f"search.args.{name}={_word(value)}" for name, value in given.items()]
        words += [f"(its scale at {setting.n})"] * (setting.searcher == "custom")
        lines.append(f"  level {level}: " + " ".join([f"search={setting.searcher}", *words, *limits]))
    return lines


def _word(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shlex.quote(text)


def write(folder: Path, found: Grid, levels: np.ndarray, chart: Figure) -> list[Path]:
    """Raises RunError where a file cannot be written."""
    from experiments.reports.curves import save

    try:
        with (folder / "levels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["level", "searcher", "n", "budget", "problems", "accuracy", "ci_low", "ci_high", "cost"])
            writer.writerows(_rows(found, levels))
        return [folder / "levels.csv", *save(chart, folder / "plan")]
    except OSError as error:
        raise RunError(f"{folder} cannot be written to: {error.strerror}") from error


def _rows(found: Grid, levels: np.ndarray) -> Iterator[list[object]]:
    for level in np.unique(levels):
        of = levels == level
        for setting, correct, cost in zip(found.settings, found.correct[:, of], found.cost[:, of], strict=True):
            limit = setting.scale if setting.limit else ""
            spread = interval(correct.tolist())
            yield [level, setting.searcher, setting.n, limit, int(of.sum()), correct.mean(), *spread, cost.mean()]


def figure(found: Grid, levels: np.ndarray, axis: Axis, rule: Rule, seed: int, results: Sequence[Result]) -> Figure:
    """The compute-optimal curve, that of one setting for all problems, and Best-of-N."""

    def line(name: str, of: Sequence[tuple[float, Measured]]) -> Line:
        return Line(name, [Point((float(m.cost.mean()),), m.accuracy, *m.interval) for _, m in of])

    one = np.full(len(levels), ONE_LEVEL)
    lines = [line("one_setting", curve(found, one, seed))]
    if len(np.unique(levels)) > 1:
        lines.insert(0, line("compute_optimal", curve(found, levels, seed)))
    reference = [
        Point((float(cost.mean()),), float(correct.mean()), *interval(correct.tolist()))
        for setting, correct, cost in zip(found.settings, found.correct, found.cost, strict=True)
        if setting.searcher == "best_of_n"
    ]
    return Figure(
        axes=[Panel(f"{LABELS[axis]} per problem", exact=False)],
        lines=lines,
        earlier=[],
        references=[Line("every_best_of_n", reference)],
        greedy=None,
        problems=len(found.problems),
        seeds=sorted({result.seed for result in results}),
        chosen=f"answers by {RULE_NAMES[rule.value]}, settings chosen on the other half",
    )
