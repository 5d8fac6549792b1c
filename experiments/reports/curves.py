"""Draws curves with matplotlib: a panel for each axis, readable in grey and by the colour-blind."""

from collections.abc import Sequence
from math import ceil, floor
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from experiments.analysis.cells import Cells
from experiments.analysis.curves import AXES, Chart, Line, chart, larger_greedy, samples_cells, samples_chart
from experiments.errors import RunError
from experiments.reports.findings import of_run, of_samples
from experiments.reports.looks import Look, looks
from experiments.runs.atomic import atomic_file
from experiments.runs.folder import config_of
from experiments.runs.results import Result, read_results
from search.answers.selection import Rule

DPI = 200


_UNITS = [(1e18, "10^{18}"), (1e15, "10^{15}"), (1e12, "10^{12}"), (1e9, "10^9"), (1e6, "10^6")]


_LEGEND: dict[str, Any] = {"handlelength": 3.2, "columnspacing": 1.4, "handletextpad": 0.5}


STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.hashsalt": "stepsearch",
    "svg.fonttype": "none",
}


def save(drawn: Chart, stem: Path) -> list[Path]:
    """Writes stem.png and stem.svg. Raises RunError where they cannot be written."""
    paths = [stem.with_name(f"{stem.name}{ending}") for ending in (".png", ".svg")]
    with rc_context(STYLE):
        canvas = draw(drawn)
        for path in paths:
            about = {"Title": drawn.finding or caption(drawn)} | ({"Date": None} if path.suffix == ".svg" else {})
            with atomic_file(path) as file:
                canvas.savefig(file, format=path.suffix[1:], dpi=DPI, metadata=about)
    return paths


def draw(drawn: Chart) -> Canvas:
    """The finding as a title, a panel for each known axis, below them what the data are, and the legend."""
    known = _known_axes(drawn)
    if not known:
        labels = " and ".join(panel.label for panel in drawn.axes)
        raise RunError(f"{labels}: not known for any cell, or nothing; give other axes=")
    width = max(3.7 * len(known) + 0.4, 6.0)
    canvas = Canvas(figsize=(width, 4.1), layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, len(known), sharey=True, squeeze=False)[0]
    for panel, axis in zip(panels, known, strict=True):
        draw_panel(panel, drawn, axis)
    panels[0].set_ylabel("accuracy")
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panels[0].set_ylim(*accuracies(drawn))
    canvas.suptitle(fill(drawn.finding, round(10 * width)), fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    first = len(labels) - len(drawn.lines)  # searchers stand before the references
    handles, labels = handles[first:] + handles[:first], labels[first:] + labels[:first]
    columns = ceil(len(labels) / ceil(len(labels) / (8 if len(known) > 2 else 4)))  # rows of about equal length
    legend: dict[str, Any] = {"title": fill(caption(drawn), round(15 * width)), "title_fontsize": 8, **_LEGEND}
    box = canvas.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, **legend)
    box.get_title().set_multialignment("center")
    return canvas


def accuracies(drawn: Chart) -> tuple[float, float]:
    """The ends of the vertical axis, which begins at zero unless all accuracies are above 40 %."""
    points = [p for line in [*drawn.lines, *drawn.references, *drawn.earlier] for p in line.points]
    greedy = [accuracy for accuracy in (drawn.greedy, drawn.larger and drawn.larger[1]) if accuracy is not None]
    lowest = min([min(p.low, p.accuracy) for p in points] + greedy)
    highest = max([p.high for p in points] + greedy)
    return floor(10 * lowest - 0.5) / 10 if lowest > 0.4 else -0.015, min(1.025, 1.08 * highest + 0.015)


def _known_axes(drawn: Chart) -> list[int]:
    """The axes on which the position of some point is known."""
    return [i for i in range(len(drawn.axes)) if any(p.places[i] for line in drawn.lines for p in line.points)]


def caption(drawn: Chart) -> str:
    seeds = f"seed{'s' * (len(drawn.seeds) > 1)} {', '.join(map(str, drawn.seeds))}"
    problems = f"{drawn.problems} problem{'s' * (drawn.problems != 1)}"
    hidden = [panel.label for i, panel in enumerate(drawn.axes) if i not in _known_axes(drawn)]
    unknown = f"; not known, or nothing: {', '.join(hidden)}" if hidden else ""
    words = f"{problems}, {seeds}; {drawn.chosen}; bands: 95 % intervals (Wilson) over problems{unknown}"
    words += f"; {drawn.failed}" * bool(drawn.failed)
    return words + "; thin lines: the largest run, cut earlier" * bool(drawn.earlier)


def draw_panel(panel: Any, drawn: Chart, axis: int) -> None:
    """One axis: bands first, then the references, then the lines on top."""
    values = [p.places[axis] for line in [*drawn.lines, *drawn.references] for p in line.points]
    known = [value for value in values if value]
    unit, power = next(((u, p) for u, p in _UNITS if min(known) >= u), (1.0, ""))
    panel.set_xscale("log", base=2)
    panel.set_xlabel(drawn.axes[axis].label + (f" ($\\times {power}$)" if power else ""))
    if drawn.greedy is not None:
        panel.axhline(drawn.greedy, color="#000000", linewidth=0.9, label="greedy", zorder=1.5)
    if drawn.larger is not None:
        name, accuracy = drawn.larger
        panel.axhline(accuracy, color="#000000", linewidth=0.9, linestyle=(0, (7, 3)), label=name, zorder=1.5)
    look = looks([line.name for line in (*drawn.lines, *drawn.references)])
    for line in drawn.references:
        _draw_line(panel, line, look[line.name], axis, unit, 1.3, band=False)
    for line in drawn.earlier:
        _draw_earlier(panel, line, look[line.name], axis, unit)
    for rank, line in enumerate(drawn.lines):
        edges = 0.6 if len(drawn.lines) <= 4 else 0.0  # more of them cross too often
        _draw_line(
            panel, line, look[line.name], axis, unit, 1.7, band=True, edges=edges, size=max(7.5 - 0.5 * rank, 4.5)
        )
    panel.xaxis.set_major_locator(FixedLocator(ticks([value / unit for value in known], drawn.axes[axis].exact)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}"))
    panel.set_xlim(min(known) / unit / 1.25, max(known) / unit * 1.25)


def _draw_line(
    panel: Any, line: Line, look: Look, axis: int, unit: float, width: float, band: bool, edges: float = 0.0,
    size: float = 0.0,
) -> None:  # fmt: skip
    """A line through its known points, with its band, whose edges are so wide; a single point gets an error bar."""
    known = [point for point in line.points if point.places[axis]]
    if not known:
        return
    known.sort(key=lambda point: point.places[axis] or 0.0)
    x = np.array([point.places[axis] for point in known], dtype=np.float64) / unit
    y, low, high = (np.array([getattr(p, name) for p in known]) for name in ("accuracy", "low", "high"))
    if band and len(known) == 1:
        panel.errorbar(x, y, [y - low, high - y], color=look.colour, capsize=3, linewidth=1)
    elif band:
        panel.fill_between(x, low, high, color=look.colour, alpha=0.08, linewidth=0)
        for edge in (low, high):
            panel.plot(x, edge, color=look.colour, linestyle=look.dashes, linewidth=edges, alpha=0.6)
    marker = look.marker or ("." if len(known) == 1 else "")
    panel.plot(
        x, y, label=look.label, color=look.colour, linestyle=look.dashes, linewidth=width,
        marker=marker, markersize=size or 4, markeredgecolor="white", markeredgewidth=0.7, zorder=3 if band else 2,
    )  # fmt: skip


def _draw_earlier(panel: Any, line: Line, look: Look, axis: int, unit: float) -> None:
    known = [(place / unit, point.accuracy) for point in line.points if (place := point.places[axis])]
    if known:
        panel.plot(*zip(*known, strict=True), color=look.colour, linewidth=0.9)


def ticks(values: Sequence[float], exact: bool) -> list[float]:
    """Tick positions: the values themselves where `exact` and there are at most eight; otherwise powers of two."""
    distinct = sorted(set(values))
    if exact and len(distinct) <= 8:
        return distinct
    low, high = int(np.ceil(np.log2(distinct[0] / 1.25))), int(np.floor(np.log2(distinct[-1] * 1.25)))
    powers = range(low, high + 1, max(1, 1 + (high - low) // 7))
    return [2.0**power for power in powers] if len(powers) > 1 else sorted({distinct[0], distinct[-1]})


def draw_run(
    folder: Path, cells: Cells, rule: Rule, name: str = "curves", axes: Sequence[str] = AXES, larger: Path | None = None
) -> list[Path]:
    """Writes the chart as PNG and SVG and returns their paths.

    `larger` is the run of a larger policy, whose greedy decoding is a line. Raises RunError where there is nothing to
    draw, or that run is not of the same problems.
    """
    complete = cells.complete()
    drawn = chart(complete, rule, axes)
    line = _larger(complete, larger) if larger else None
    return save(drawn._replace(finding=of_run(complete, rule.value, axes), larger=line), folder / name)


def _larger(cells: Cells, run: Path) -> tuple[str, float]:
    model = str(config_of(run).get("policy", {}).get("model") or run.name)
    try:
        return f"greedy, {Path(model).name}", larger_greedy(cells, read_results(run))
    except RunError as error:
        raise RunError(f"larger={run}: {error}") from None


def draw_samples(folder: Path, results: Sequence[Result]) -> list[Path]:
    """Writes the chart of independent samples, where there are any, and returns its paths."""
    cells = samples_cells(results)
    return save(samples_chart(cells)._replace(finding=of_samples(cells)), folder / "samples") if cells else []
