"""How good a PRM is that was trained on one kind of label: step F1, step AUC, best of n; and their picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.analysis.step_metrics import Judged, auc, best_threshold, step_f1, up_to_first_error
from experiments.analysis.uncertainty import Interval, accuracy_interval, interval_of
from experiments.tiny.evaluate import correct, judged
from search import Reduction, Rule, Selection, Tree


class Figures(NamedTuple):
    """Step F1 at the threshold of highest F1 on other problems, step AUC, and accuracy of the best of n by minimum."""

    kind: str
    threshold: float
    values: dict[str, tuple[float, Interval]]


def figures(kind: str, choosing: Sequence[Tree], trees: Sequence[Tree], n: int) -> Figures:
    """Intervals are over problems."""
    threshold = best_threshold(judged(choosing))
    by_problem = [judged([tree]) for tree in trees]

    def pooled(statistic: Callable[[Sequence[Judged]], float]) -> tuple[float, Interval]:
        def of(chosen: np.ndarray) -> float:
            return statistic([solution for place in chosen for solution in by_problem[place]])

        return of(np.arange(len(trees))), interval_of(of, len(trees), resamples=500)

    best = [float(correct(tree, Selection(Rule.BEST, Reduction.MIN)(tree).answer)) for tree in trees]
    values = {
        "step F1": pooled(lambda solutions: step_f1(solutions, threshold).f1),
        "step AUC": pooled(lambda solutions: auc(*up_to_first_error(solutions))),
        f"prm@{n}": (float(np.mean(best)), accuracy_interval(best)),
    }
    return Figures(kind, threshold, values)


def picture(rows: Sequence[Figures], path: Path) -> None:
    """A panel a figure, a row a kind of label, with its interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 2.6), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots(1, len(rows[0].values), sharey=True)
    places = np.arange(len(rows))[::-1]
    for panel, name in zip(axes, rows[0].values, strict=True):
        values, intervals = zip(*(figure.values[name] for figure in rows), strict=True)
        low, high = np.array(intervals).T
        panel.errorbar(values, places, xerr=[values - low, high - values], fmt="o", color="#0072B2", capsize=3)
        panel.set_title(name, fontsize=10)
        panel.grid(axis="x", color="#e4e4e4")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, [figure.kind for figure in rows])
    canvas.savefig(path, dpi=150)
