"""Comparisons as sentences: the results of `stepsearch compare` for each cell, on every axis and by every rule."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, at_equal_scale, comparisons
from experiments.analysis.curves import SCALE
from experiments.analysis.left_out import unknown_costs
from experiments.errors import RunError
from experiments.reports.findings import of_comparisons, of_more
from experiments.reports.looks import label
from experiments.reports.tables import family, needed_words
from experiments.runs.axes import AXIS_COST, LABELS, Axis
from experiments.terminal import number


def in_words(cells: Cells, baseline: str, rules: Sequence[str], knob: str) -> Iterator[dict[str, Any]]:
    """A group for each rule and axis: its sentences, or why there are none, and a note on all of them.

    `cells` are complete; `knob` is the name of the searchers' scale: N, or a budget.
    """
    for rule in rules:
        more = of_more(cells, rule, knob)
        for axis in map(Axis, AXIS_COST):
            compute = LABELS[axis].partition(",")[0]
            compared = _compared(lambda axis=axis, rule=rule: comparisons(cells, baseline, axis, rule))
            group = _sentences(compared, baseline, axis, knob, len(cells.problems), compute)
            group["finding"] = group["finding"] or more
            yield {"rule": rule, **group, "unknown": unknown_costs(cells, axis)}
        compared = _compared(lambda rule=rule: at_equal_scale(cells, baseline, rule))
        group = _sentences(compared, baseline, SCALE, knob, len(cells.problems))
        yield {"rule": rule, **group, "finding": group["finding"] or more, "unknown": []}


def _compared(compare: Callable[[], list[Comparison]]) -> list[Comparison] | str:
    try:
        return compare()
    except RunError as error:
        return str(error)


def _sentences(
    compared: list[Comparison] | str, baseline: str, axis: str, knob: str, problems: int, compute: str | None = None
) -> dict[str, Any]:
    """`finding` is the title of the curves on this axis."""
    if isinstance(compared, str):
        return {"axis": str(axis), "sentences": [], "nothing": compared, "family": "", "finding": ""}
    names = (label(baseline), knob, problems, compute)
    sentences = [{"verdict": one.verdict, "text": sentence(one, *names)} for one in compared]
    finding = of_comparisons(compared, baseline, axis, knob, problems)
    return {"axis": str(axis), "sentences": sentences, "nothing": None, "family": family(compared), "finding": finding}


def sentence(one: Comparison, baseline: str, knob: str, problems: int, compute: str | None = None) -> str:
    """A comparison as a sentence. `compute` names the cost that both have in common; None: they have the same N."""
    name, size = label(one.cell.searcher), f"{knob} = {number(one.cell.scale)}"
    if one.cell.cost is None and one.difference is None:
        return f"The {compute} of {name} at {size} are not known for every search: no comparison."
    cost = f"{number(one.cell.cost)} a problem"
    if (difference := one.difference) is None:
        return f"The {compute} of {name} at {size} ({cost}) are outside the range of {baseline}: no comparison."
    start = f"At {size}" if compute is None else f"At the {compute} that {name} uses at {size} ({cost})"
    accuracy = f"the accuracy of {name}" if compute is None else "its accuracy"
    low, high = sorted(100 * end * (1 if difference.mean >= 0 else -1) for end in difference.interval)
    chance = "p < 0.001" if (one.p_value or 0) < 0.0005 else f"p = {one.p_value:.3f}"
    points = 100 * abs(difference.mean)
    side = "higher" if difference.mean >= 0 else "lower"
    verdict = one.verdict
    if verdict == "cannot tell":
        verdict = f"this run cannot tell which is better{needed_words(difference)}"
    return (
        f"{start}, {accuracy} is {points:.1f} percentage points {side} than that of {baseline} (95 % "
        f"interval {low:.1f} to {high:.1f}, {chance}, {problems} problems): {verdict}."
    )
