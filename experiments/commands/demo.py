"""Shows what search buys: solves one problem, sweeps two searchers on 24 hard ones, and says which was better.

usage: stepsearch demo

It takes about two minutes on two idle cores and downloads nothing: both small models come with the code. The run goes
to runs/demo, with its curves and its report. A demo that was interrupted goes on there; a folder that is anybody else's
is left as it is, and the demo takes runs/demo-2, ...

    stepsearch demo
"""

import json
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import comparisons
from experiments.analysis.summary import summarise
from experiments.commands import report, solve, sweep
from experiments.config.compose import compose
from experiments.errors import INTERRUPTED, RunError
from experiments.reports.page.words import sentence
from experiments.runs.axes import Axis
from experiments.runs.paths import lasting
from experiments.runs.results import read_results
from experiments.runs.resuming import COMMAND
from experiments.terminal import number, percent
from search.answers.selection import Rule

FOLDER = Path("runs/demo")
QUESTION = "((-3 - -5 * -2 + 6) * (0 + -5 * 7 * 8)) ="
SOLVE = ("search=mcts", "search.simulations=64", "selection.rule=best", "seed=3", "show=tree")
SWEEP = (
    "searchers=best_of_n,particle_filter",
    "budgets=1,4",
    "problems.count=120",
    "problems.min_level=5",
    "trees=true",
)
_RULE, _BASELINE = Rule.WEIGHTED.value, "best_of_n"
_SOLVE_TITLE = "One problem, by MCTS: a line a step, with the PRM's score and its visits; stars lead to the answer."
_SWEEP_TITLE = "Two searchers at the same cost, on problems that the policy mostly gets wrong."


@dataclass(frozen=True)
class Demo:
    """The knobs of `stepsearch demo`: it has none."""


def main(overrides: Sequence[str] = ()) -> int:
    compose(Demo, overrides)
    print("About 2 minutes on two idle cores; nothing is downloaded: both small models come with the code.")
    _show(
        _SOLVE_TITLE,
        "solve",
        f"'{QUESTION}'",
        *SOLVE,
    )
    solve.main(QUESTION, SOLVE)
    return sweep_and_tell(SWEEP)


def sweep_and_tell(words: Sequence[str], first: Path = FOLDER) -> int:
    """Sweeps in the demo's folder, writes its report, prints the finding and what to do next; returns the exit code."""
    folder, code = _swept(words, first)
    if code != 0:
        if code == INTERRUPTED:
            print("the same command goes on with the demo", file=sys.stderr)
        return code
    _show("Everything on one page: curves, problems, trees.", "report", f"run={folder}")
    report.main([f"run={folder}"])
    print("\nWhat the run shows")
    for line in findings(Cells.of(read_results(folder))):
        print(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    "))
    print("\nWhat to do next")
    for line in next_steps(folder):
        print(f"  {line}")
    return 0


def _swept(words: Sequence[str], first: Path) -> tuple[Path, int]:
    """The folder of the sweep and its exit code: that of an earlier demo goes on, and any other is left as it is."""
    for folder in chain([first], (first.with_name(f"{first.name}-{place}") for place in count(2))):
        here = [*words, f"out={folder}"]
        if not folder.exists():
            _show(_SWEEP_TITLE, "sweep", *here)
            return folder, sweep.main(here)
        if _command(folder) == [*map(lasting, here)]:
            _show(_SWEEP_TITLE, "sweep", f"run={folder}")
            try:
                return folder, sweep.main([f"run={folder}"])
            except RunError as error:  # its models have changed, or another process uses it
                print(error, file=sys.stderr)
    raise AssertionError("there is always a next number")


def _command(folder: Path) -> list[str]:
    """The command line of the run in a folder; empty where there is none."""
    try:
        return json.loads((folder / COMMAND).read_text("utf-8"))
    except (OSError, ValueError):
        return []


def findings(cells: Cells) -> list[str]:
    """The run's result in sentences: the accuracy of each searcher's largest cell, and the difference at equal cost."""
    complete = cells.complete()
    largest = {row["searcher"]: row for row in summarise(complete) if row["selection"] == _RULE}  # n ascends
    lines = [
        f"{row['searcher']}, n = {row['n']}: {percent(row['accuracy'])} % of {row['problems']} problems right "
        f"({percent(row['ci_low'])} to {percent(row['ci_high'])}), {number(row['generated_tokens'])} tokens each"
        for row in largest.values()
    ]
    rows = comparisons(complete, _BASELINE, Axis.GENERATED_TOKENS, _RULE)
    last = {row.cell.searcher: row for row in rows}
    return [*lines, *(sentence(row, _BASELINE, "n", len(complete.problems), "tokens") for row in last.values())]


def next_steps(folder: Path) -> list[str]:
    """The report's address, how to activate the environment where it is not, and the next command."""
    active = sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix
    activate = [] if active else [f"source {shlex.quote(_shown(Path(sys.prefix)))}/bin/activate"]
    return [
        f"open {(folder / report.NAME).absolute().as_uri()}",
        *activate,
        f"stepsearch compare run={folder} n=1",
        "stepsearch solve '((3 + 4) * (2 - 5)) ='",
        "and docs/tutorial.md goes from here to a figure for a paper",
    ]


def _shown(path: Path) -> str:
    """The path as seen from the working folder, where it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _show(title: str, *words: str) -> None:
    print(f"\n{title}\n  $ stepsearch {' '.join(words)}\n", flush=True)
