"""The curve of a page that is rewritten again and again: a small picture, drawn here, in the page's own colours."""

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.analysis.curves import Chart
from experiments.reports.curves import STYLE, accuracies, draw_panel

_INK = {
    "#000000": "var(--ink)",
    "#777777": "var(--muted)",
    "#ffffff": "var(--surface)",
    "#e4e4e4": "var(--line)",
    "#0072b2": "var(--first)",
}
"""matplotlib's colours -> the page's, which are others in the dark"""
_SIZE = 4.4, 4.3  # inches: at 11 points, the letters are readable where a phone is 400 px wide


def picture(drawn: Chart) -> str:
    """The chart's one panel as an element <svg>, whose texts stay texts. Raises RunError where nothing is known."""
    with rc_context({**STYLE, "font.size": 11}):
        canvas = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasAgg(canvas)
        panel = canvas.subplots()
        draw_panel(panel, drawn, 0)
        panel.set_ylabel("accuracy")
        panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        panel.set_ylim(*accuracies(drawn))
        handles, labels = panel.get_legend_handles_labels()
        first = len(labels) - len(drawn.lines)  # the searchers before the references
        handles, labels = handles[first:] + handles[:first], labels[first:] + labels[:first]
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "frameon": False}
        canvas.legend(handles, labels, **place, fontsize=10, handlelength=2.6)
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", text.getvalue()[text.getvalue().index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return re.sub("|".join(_INK), lambda found: _INK[found[0]], svg)
