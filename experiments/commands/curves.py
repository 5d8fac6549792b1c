"""Draws a sweep's accuracy against its compute: a panel for each axis, a line for each searcher.

usage: stepsearch curves run=DIR [key=value ...]

Reads results.jsonl of the run folder and writes curves.png and curves.svg beside it. Where samples are independent,
samples.png and samples.svg show every selection rule over the number of samples. Greedy decoding and the majority and
pass@N of Best-of-N are drawn for reference. Thin lines show what a tree search would have answered if its largest run
had been cut earlier: a cut search completes nothing, and with several requests in flight the lines are approximate.
Bands are 95 % Wilson intervals over problems; the seeds of a problem are averaged first.

    stepsearch curves run=runs/demo
    stepsearch curves run=runs/demo selection=majority name=majority
    stepsearch curves run=runs/demo larger=runs/demo-7b
    stepsearch curves run=runs/demo axes=computed_tokens,unique_tokens,calls name=costs
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.curves import AXES, SCALE
from experiments.analysis.left_out import omissions
from experiments.analysis.rules import rule_of
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError, one_of
from experiments.runs.axes import AXIS_COST
from experiments.runs.folder import given_folder
from experiments.runs.results import read_results


@dataclass(frozen=True)
class Curves:
    """The knobs of `stepsearch curves`."""

    run: str | None = None
    """the run folder of a sweep, or of `stepsearch import`"""
    selection: Any = None
    axes: list[str] = field(default_factory=lambda: [*AXES])
    """one panel for each axis: generated_tokens, computed_tokens, unique_tokens, flops, calls, n"""
    larger: str | None = None
    """the run folder of a larger policy on the same problems, whose greedy decoding is a line"""
    name: str = "curves"
    """name of the two files, without the endings .png and .svg"""

    def __post_init__(self) -> None:
        for name in self.axes:
            if name not in (*AXIS_COST, SCALE):
                raise ConfigError(f"axes: no such axis {name!r}; choose from {one_of([*AXIS_COST, SCALE], str(name))}")
        if "/" in self.name or not self.name.strip("."):
            raise ConfigError(f"name={self.name}: a file's name has no /; the files go into the run's folder")
        if not self.axes:
            raise ConfigError(f"axes: name at least one of {one_of([*AXIS_COST, SCALE])}")


def main(overrides: Sequence[str] = ()) -> int:
    from experiments.reports.curves import draw_run, draw_samples  # loads matplotlib

    curves: Curves = build(compose(Curves, overrides))
    folder, rule = given_folder(curves), rule_of(curves.selection)
    results = read_results(folder)
    paths, notes = draw_samples(folder, results), list[str]()
    try:
        cells = Cells.of(results)
        larger = Path(curves.larger).expanduser() if curves.larger else None
        paths += draw_run(folder, cells, rule, curves.name, curves.axes, larger)
        notes = omissions(cells, curves.axes)
    except RunError as error:
        if not paths:
            raise
        print(f"no {curves.name}: {error}", file=sys.stderr)
    for line in [*map(str, paths), *notes]:
        print(line)
    return 0
