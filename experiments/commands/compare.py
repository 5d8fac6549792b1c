"""Compares searchers at equal compute: is a searcher better than the baseline at the same cost?

usage: stepsearch compare run=DIR [key=value ...]

Reads results.jsonl of the run folder. Each cell of the other searchers is compared, problem by problem, with the
baseline's correctness at the same mean cost, interpolated on the logarithm of the cost between its two nearest cells;
independent samples give it every N. Costs more than 2 % beyond the baseline's first or last cell are not compared.
`n=1` compares every cell with the baseline at that N instead, at any cost. The difference has a 95 % interval (Agresti
and Min); p is adjusted by Holm's method for all comparisons of the call, and the verdict is "cannot tell" where it is
at least 0.05. The last column says how many problems would be needed to tell a difference of that size.

    stepsearch compare run=runs/demo
    stepsearch compare run=runs/demo baseline=beam axis=flops selection=majority
    stepsearch compare run=runs/demo n=1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import comparisons
from experiments.analysis.left_out import left_out, unknown_costs, without_rule
from experiments.analysis.rules import rule_of
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.reports.fitting import show_table
from experiments.reports.tables import COMPARISON_NOTE, comparisons_table
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
    """compare with the baseline at this N (or swept budget), at any cost; null: at equal compute"""
    selection: Any = None


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Compare = build(compose(Compare, overrides))
    folder, rule = given_folder(knobs), rule_of(knobs.selection).value
    every = Cells.of(read_results(folder), [rule])
    cells = every.complete()
    rows = comparisons(cells, knobs.baseline, knobs.axis, rule, knobs.n)
    show_table(screen(), comparisons_table(rows, knobs.baseline, knobs.axis, knobs.n, rule, cells))
    unknown = unknown_costs(cells, knobs.axis) if knobs.n is None else []
    for line in [COMPARISON_NOTE, *left_out(every, cells), *without_rule(cells, rule), *unknown]:
        print(line)
    return 0
