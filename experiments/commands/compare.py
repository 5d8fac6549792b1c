"""Compares searchers at equal compute: is a searcher better than the baseline at the same cost?

usage: stepsearch compare run=DIR [key=value ...]

Reads results.jsonl of the run folder. Each cell of the other searchers is compared, problem by problem, with the
baseline's correctness at the same mean cost, interpolated between its two nearest cells on the logarithm of the cost.
Costs more than 2 % beyond the baseline's first or last cell are not compared. `n=1` compares every cell with the
baseline's cell of that N instead, at any cost. The verdict is "cannot tell" where the 95 % interval of the difference
contains 0 or p is at least 0.05: on few problems the interval alone is too narrow.

    stepsearch compare run=runs/demo
    stepsearch compare run=runs/demo baseline=beam axis=flops selection=majority
    stepsearch compare run=runs/demo n=1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import comparisons
from experiments.analysis.rules import rule_of
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.reports.tables import comparisons_table
from experiments.runs.axes import Axis
from experiments.runs.folder import given_folder
from experiments.runs.results import read_results
from experiments.terminal import screen


@dataclass(frozen=True)
class Compare:
    """The knobs of `stepsearch compare`."""

    run: str | None = None
    """the run folder of a sweep"""
    baseline: str = "best_of_n"
    """the searcher that the others are compared with"""
    axis: Axis = Axis.GENERATED_TOKENS
    """compute: generated_tokens, computed_tokens (policy and scorer), unique_tokens, flops or calls"""
    n: float | None = None
    """compare with the baseline's cell of this N (or swept budget), at any cost; null: at equal compute"""
    selection: Any = None


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Compare = build(compose(Compare, overrides))
    folder, rule = given_folder(knobs), rule_of(knobs.selection).value
    cells = Cells.of(read_results(folder)).complete()
    screen().print(
        comparisons_table(
            comparisons(cells, knobs.baseline, knobs.axis, rule, knobs.n),
            knobs.baseline,
            knobs.axis,
            knobs.n,
            rule,
            cells,
        )
    )
    return 0
