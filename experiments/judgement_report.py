"""A judgement for people: the tables, the files and the picture."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from rich.console import Console
from rich.table import Table

from experiments.figure import DPI, STYLE
from experiments.judgement import Answers, Biases, Group, Judgement, accuracy, as_json
from search.selection import Rule

_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito's

# Bars of a group: label, height, colour, hatch.
_Bars = list[tuple[str, Callable[[Group], float], str, str]]
_F1: _Bars = [
    ("wrong solutions", lambda group: group.f1.erroneous, _ORANGE, "//"),
    ("right solutions", lambda group: group.f1.correct, _BLUE, ".."),
    ("F1", lambda group: group.f1.f1, _GREEN, ""),
]
_PRM_SCORE: _Bars = [("PRMScore", lambda group: group.prm_score, _GREEN, "")]


def write(found: Judgement, folder: Path) -> list[Path]:
    """summary.json, summary.csv and judge.png."""
    plain = as_json(found)
    paths = [folder / "summary.json", folder / "summary.csv", folder / "judge.png"]
    paths[0].write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", "utf-8")
    with paths[1].open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["of", "figure", "value", "low", "high"])
        writer.writeheader()
        writer.writerows(_csv_rows(plain))
    with rc_context(STYLE):
        draw(found).savefig(paths[2], dpi=DPI)
    return paths


def _csv_rows(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One figure a row, with its 95 % interval where it has one."""
    for group in [*plain["groups"], *([plain["pooled"]] if plain["pooled"] else [])]:
        for figure in ("solutions", "wrong", "erroneous", "correct", "step_auc", "prm_score"):
            yield {"of": group["group"], "figure": figure, "value": group[figure]}
        yield {"of": group["group"], "figure": "f1", "value": group["f1"], "low": group["f1_low"],
               "high": group["f1_high"]}  # fmt: skip
    for name, score in plain["dimensions"].items():
        yield {"of": name, "figure": "prm_score", "value": score}
    for rule, row in (plain["answers"] or {"accuracy": {}})["accuracy"].items():
        low, high = row["interval"]
        yield {"of": rule, "figure": "accuracy", "value": row["mean"], "low": low, "high": high}
    for bias, value in plain["biases"].items():
        if bias != "lowest":
            yield {"of": "biases", "figure": bias, "value": value}


# tables


def show(found: Judgement, out: Console) -> None:
    if found.groups:
        out.print(groups_table(found))
    if found.calibration_error is not None:
        out.print(f"calibration error (ECE) {found.calibration_error:.3f}")
    if found.answers is not None:
        out.print(answers_table(found.answers))
        if Rule.MAJORITY not in found.answers.correct:
            out.print("no votes: some solutions have no boxed answer")
    for line in bias_lines(found.biases):
        out.print(line)


def groups_table(found: Judgement) -> Table:
    left_out = f", {found.errors} more could not be scored" * bool(found.errors)
    value, source = found.threshold
    title = f"{found.solutions} solutions{left_out}; a step below {value:.2f} is wrong ({source})"
    table = Table(title=title, title_justify="left")
    for column in (
        "group",
        "solutions",
        "wrong",
        "acc. on wrong",
        "acc. on right",
        "F1 (95 %)",
        "step AUC",
        "PRMScore",
    ):
        table.add_column(column, justify="left" if column == "group" else "right")
    for group in [*found.groups, *([found.pooled] if found.pooled else [])]:
        low, high = group.f1_interval
        f1 = f"{_percent(group.f1.f1)} ({_percent(low)} to {_percent(high)})" if group.f1.f1 == group.f1.f1 else "-"
        accuracies = [_percent(group.f1.erroneous), _percent(group.f1.correct)]
        table.add_row(
            group.name,
            str(group.solutions),
            str(group.wrong),
            *accuracies,
            f1,
            f"{group.auc:.3f}" if group.auc == group.auc else "-",
            _percent(group.prm_score),
        )
    if found.average_f1 is not None and len(found.groups) > 1:
        table.add_row("average", "", "", "", "", _percent(found.average_f1), "", "")
    for name, score in found.dimensions.items():
        table.add_row(name, "", "", "", "", "", "", _percent(score))
    return table


def answers_table(answers: Answers) -> Table:
    count = len(answers.correct["one sample"])
    title = f"best of {answers.n:.4g} on {count} questions, reduction {answers.reduction}"
    table = Table(title=title, title_justify="left")
    for column in ("answer", "accuracy (95 %)", "minus one sample (95 %)"):
        table.add_column(column, justify="left" if column == "answer" else "right")
    for name, of in answers.correct.items():
        row = accuracy(of, answers.correct["one sample"])
        table.add_row(name, _spread(row["mean"], row["interval"]), _spread(row["gain"], row["gain_interval"], "+"))
    return table


def bias_lines(biases: Biases) -> list[str]:
    named = {
        "right answers with a step scored wrong": biases.right_but_doubted,
        "right answers with a wrong step, none of them scored wrong": biases.tolerated,
        "solutions whose lowest step is the last": biases.lowest_is_last,
    }
    return [f"{name}: {_percent(value)} %" for name, value in named.items() if value == value]


def _percent(value: float) -> str:
    return "-" if value != value else f"{100 * value:.1f}"


def _spread(value: float, interval: Any, sign: str = "") -> str:
    low, high = (f"{100 * edge:{sign}.1f}" for edge in interval)
    return f"{100 * value:{sign}.1f} ({low} to {high})"


# picture


def draw(found: Judgement) -> Canvas:
    """F1 or PRMScore by group, calibration, and where the lowest score falls; what cannot be told has no panel."""
    panels = [
        (bool(found.groups), _draw_groups),
        (bool(found.curve), _draw_calibration),
        (bool(found.biases.lowest.sum()), _draw_lowest),
    ]
    shown = [panel for there, panel in panels if there] or [_draw_lowest]
    canvas = Canvas(figsize=(4.2 * len(shown), 3.6), layout="constrained")
    FigureCanvasAgg(canvas)
    for axes, panel in zip(canvas.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        panel(axes, found)
    return canvas


def _draw_groups(axes: Any, found: Judgement) -> None:
    """F1 and both its accuracies; PRMScore where a group has none, for all its solutions are right, or all wrong."""
    has_f1 = all(group.f1.f1 == group.f1.f1 for group in found.groups)
    series = _F1 if has_f1 else _PRM_SCORE
    places, width = np.arange(len(found.groups)), 0.81 / len(series)
    for shift, (label, figure, colour, hatch) in enumerate(series):
        left = places + (shift - (len(series) - 1) / 2) * width
        heights = [figure(group) for group in found.groups]
        axes.bar(left, heights, width - 0.02, label=label, color=colour, hatch=hatch, edgecolor="white")
    names = [group.name.replace("_", "\n") for group in found.groups]
    crowded = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(names) > 5 else {}
    axes.set_xticks(places, names, fontsize=7 if crowded else 8, **crowded)
    axes.set_ylim(0, 1.14)  # room for the legend
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_ylabel("accuracy" if has_f1 else "PRMScore")
    what = "first wrong step" if has_f1 else "right and wrong steps"
    axes.set_title(f"{what}, threshold {found.threshold.value:.2f} ({found.threshold.source})", fontsize=9)
    if has_f1:
        axes.legend(fontsize=7, ncols=3, loc="upper center", frameon=False)


def _draw_calibration(axes: Any, found: Judgement) -> None:
    axes.plot([0, 1], [0, 1], color="#777777", linewidth=0.8, linestyle=(0, (2, 2)))
    axes.plot([b.score for b in found.curve], [b.right for b in found.curve], marker="o", color=_BLUE)
    most = max(b.count for b in found.curve)
    for b in found.curve:
        axes.bar(b.score, 0.15 * b.count / most, 0.05, color="#bbbbbb", zorder=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score of a step", ylabel="share that is right")
    axes.set_title(f"calibration, error {found.calibration_error:.3f}; grey: steps", fontsize=9)


def _draw_lowest(axes: Any, found: Judgement) -> None:
    lowest = found.biases.lowest
    axes.bar((np.arange(len(lowest)) + 0.5) / len(lowest), lowest, 0.9 / len(lowest), color=_BLUE)
    axes.set(xlim=(0, 1), xlabel="place of the lowest score, first step to last", ylabel="share of solutions")
    axes.set_title(f"lowest step is the last: {_percent(found.biases.lowest_is_last)} %", fontsize=9)
