"""Comparisons as sentences: the results of `stepsearch compare` for each cell, on every axis and by every rule."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, comparisons
from experiments.analysis.curves import SCALE
from experiments.errors import RunError
from experiments.reports.page.figures import label
from experiments.runs.axes import AXIS_COST, LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.terminal import number


def in_words(cells: Cells, baseline: str, rules: Sequence[str], knob: str) -> Iterator[dict[str, Any]]:
    """A group for each rule and axis: its sentences, or why there are none.

    `cells` are complete; `knob` is the name of the searchers' scale: N, or a budget.
    """
    for rule in rules:
        for axis in AXIS_COST:
            compute = LABELS[Axis(axis)].partition(",")[0]
            compared = _compared(lambda axis=axis, rule=rule: comparisons(cells, baseline, Axis(axis), rule))
            yield {"rule": rule, "axis": str(axis)} | _sentences(compared, baseline, knob, len(cells.problems), compute)
        compared = _compared(lambda rule=rule: _at_equal_scale(cells, baseline, rule))
        yield {"rule": rule, "axis": SCALE} | _sentences(compared, baseline, knob, len(cells.problems))


def _compared(compare: Callable[[], list[Comparison]]) -> list[Comparison] | str:
    try:
        return compare()
    except RunError as error:
        return str(error)


def _sentences(compared: list[Comparison] | str, baseline: str, *names: Any) -> dict[str, Any]:
    if isinstance(compared, str):
        return {"sentences": [], "nothing": compared}
    sentences = [{"verdict": one.verdict, "text": sentence(one, label(baseline), *names)} for one in compared]
    return {"sentences": sentences, "nothing": None}


def _at_equal_scale(cells: Cells, baseline: str, rule: str) -> list[Comparison]:
    """Every cell of the others against the baseline's cell of the same N, or budget."""
    scales = sorted({key.scale for key in cells.by_key if key.searcher == baseline})
    compared: list[Comparison] = []
    for n in scales or [1.0]:
        same = cells.only(lambda key, n=n: key.searcher != GREEDY and key.scale == n)
        compared += comparisons(same, baseline, Axis.GENERATED_TOKENS, rule, n)
    return compared


def sentence(one: Comparison, baseline: str, knob: str, problems: int, compute: str | None = None) -> str:
    """A comparison as a sentence. `compute` names the cost that both have in common; None: they have the same N."""
    name, size = label(one.cell.searcher), f"{knob} = {number(one.cell.scale)}"
    cost = f"{number(one.cell.cost)} a problem"
    if one.difference is None or one.interval is None:
        return f"The {compute} of {name} at {size} ({cost}) are outside the range of {baseline}: no comparison."
    start = f"At {size}" if compute is None else f"At the {compute} that {name} uses at {size} ({cost})"
    accuracy = f"the accuracy of {name}" if compute is None else "its accuracy"
    low, high = sorted(100 * end * (1 if one.difference >= 0 else -1) for end in one.interval)
    chance = "p < 0.001" if (one.p_value or 0) < 0.0005 else f"p = {one.p_value:.3f}"
    points = 100 * abs(one.difference)
    side = "higher" if one.difference >= 0 else "lower"
    verdict = "this run cannot tell which is better" if one.verdict == "cannot tell" else one.verdict
    return (
        f"{start}, {accuracy} is {points:.1f} percentage points {side} than that of {baseline} (95 % "
        f"interval {low:.1f} to {high:.1f}, {chance}, {problems} problems): {verdict}."
    )
