"""Draws a judgement: F1 by group, calibration, and the position of the lowest score."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from experiments.analysis.judgement import Group, Judgement
from experiments.terminal import percent

_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito's


# Bars of a group: label, height, colour, hatch.
_Bars = list[tuple[str, Callable[[Group], float], str, str]]


_F1: _Bars = [
    ("wrong solutions", lambda group: group.f1.erroneous, _ORANGE, "//"),
    ("right solutions", lambda group: group.f1.correct, _BLUE, ".."),
    ("F1", lambda group: group.f1.f1, _GREEN, ""),
]


_PRM_SCORE: _Bars = [("PRMScore", lambda group: group.prm_score, _GREEN, "")]


def draw(judgement: Judgement) -> Canvas:
    """F1 or PRMScore by group, calibration, and the position of the lowest score, each in a panel where it is known."""
    panels = [
        (bool(judgement.groups), _draw_groups),
        (bool(judgement.curve), _draw_calibration),
        (bool(judgement.biases.lowest.sum()), _draw_lowest),
    ]
    drawn = [panel for there, panel in panels if there] or [_draw_lowest]
    canvas = Canvas(figsize=(4.2 * len(drawn), 3.6), layout="constrained")
    FigureCanvasAgg(canvas)
    for axes, panel in zip(canvas.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        panel(axes, judgement)
    return canvas


def _draw_groups(axes: Any, judgement: Judgement) -> None:
    """F1 and its two accuracies; PRMScore instead where a group has no F1 (its solutions all right, or all wrong)."""
    has_f1 = all(group.f1.f1 == group.f1.f1 for group in judgement.groups)
    series = _F1 if has_f1 else _PRM_SCORE
    places, width = np.arange(len(judgement.groups)), 0.81 / len(series)
    for shift, (label, value, colour, hatch) in enumerate(series):
        left = places + (shift - (len(series) - 1) / 2) * width
        heights = [value(group) for group in judgement.groups]
        axes.bar(left, heights, width - 0.02, label=label, color=colour, hatch=hatch, edgecolor="white")
    names = [group.name.replace("_", "\n") for group in judgement.groups]
    crowded = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(names) > 5 else {}
    axes.set_xticks(places, names, fontsize=7 if crowded else 8, **crowded)
    axes.set_ylim(0, 1.14)  # room for the legend
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_ylabel("accuracy" if has_f1 else "PRMScore")
    axes.set_title(f"{_finding(judgement)}, threshold {judgement.threshold.value:.2f}", fontsize=9)
    if has_f1:
        axes.legend(fontsize=7, ncols=3, loc="upper center", frameon=False)


def _finding(judgement: Judgement) -> str:
    """What the bars come to: the mean F1 of the groups, or PRMScores from the lowest to the highest."""
    if judgement.average_f1 is not None:
        mean = "mean " if len(judgement.groups) > 1 else ""
        return f"first wrong step: {mean}F1 {judgement.average_f1:.2f}"
    scores = [group.prm_score for group in judgement.groups]
    span = f"{min(scores):.2f}" + (f" to {max(scores):.2f}" if len(scores) > 1 else "")
    return f"right and wrong steps: PRMScore {span}"


def _draw_calibration(axes: Any, judgement: Judgement) -> None:
    axes.plot([0, 1], [0, 1], color="#777777", linewidth=0.8, linestyle=(0, (2, 2)))
    axes.plot([b.score for b in judgement.curve], [b.right for b in judgement.curve], marker="o", color=_BLUE)
    most = max(b.count for b in judgement.curve)
    for b in judgement.curve:
        axes.bar(b.score, 0.15 * b.count / most, 0.05, color="#bbbbbb", zorder=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="score of a step", ylabel="share that is right")
    axes.set_title(f"calibration, error {judgement.calibration_error:.3f}; grey: steps", fontsize=9)


def _draw_lowest(axes: Any, judgement: Judgement) -> None:
    lowest = judgement.biases.lowest
    axes.bar((np.arange(len(lowest)) + 0.5) / len(lowest), lowest, 0.9 / len(lowest), color=_BLUE)
    axes.set(xlim=(0, 1), xlabel="position of the lowest score, first step to last", ylabel="share of solutions")
    axes.set_title(f"last step has the lowest score: {percent(judgement.biases.lowest_is_last)} %", fontsize=9)
