"""Runs all searchers in the frozen world: python -m experiments.benchmarks.frozen problems=multistep_arithmetic.jsonl

One sweep after another, the most telling first, each into a folder of its own below `out`. Started again, it goes on
where it was stopped. `python -m experiments.benchmarks.frozen.tables` prints what they found.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from experiments.benchmarks.frozen.scorer import Weak
from experiments.config.script import from_overrides

CLASSES = "experiments.benchmarks.frozen"
SWEEPS = {
    "fixed": ("searchers=best_of_n,beam,particle_filter,rebase,dvts", "budgets=4,16,64"),
    "mcts": ("searchers=mcts", "budgets=4,16,64,256"),
    "best_of_n": ("searchers=best_of_n", "budgets=1,4,16,64,128"),
    "again-rebase": ("searchers=again", "budgets=1,2,4,8,16"),
    "again-particle_filter": ("searchers=again", "budgets=1,2,4,8,16", "search.again.inner=particle_filter"),
    "again-best_of_n": ("searchers=again", "budgets=1,2,4,8,16", "search.again.inner=best_of_n"),
    "particle_filter-half": (
        "searchers=particle_filter",
        "budgets=4,16,64",
        "search.particle_filter.threshold=0.5",
    ),
    "mcts-1": ("searchers=mcts", "budgets=64", "search.mcts.in_flight=1"),
    "mcts-8": ("searchers=mcts", "budgets=64", "search.mcts.in_flight=8"),
}
"""The sweeps by the last part of their folders' names."""


@dataclass
class Knobs:
    """What runs."""

    problems: str = "multistep_arithmetic.jsonl"
    """BIG-bench's multistep arithmetic"""
    limit: int | None = None
    """the first so many problems"""
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """seeds of the searches"""
    out: str = "runs/frozen"
    """the folder of the runs, and of the tries that they share"""


class Run(NamedTuple):
    """A sweep: its folder and its overrides."""

    folder: Path
    overrides: list[str]


def runs(knobs: Knobs) -> Iterator[Run]:
    """All sweeps, the strong PRM before the weak one, seed by seed."""
    for seed in knobs.seeds:
        for name, cls in (("strong", "Frozen"), ("weak", Weak.__name__)):
            for sweep, overrides in SWEEPS.items():
                common = [*world(knobs.problems, knobs.limit, knobs.out, cls), f"seeds=[{seed}]"]
                yield Run(Path(knobs.out) / f"{name}-{seed}-{sweep}", [*common, *overrides])


def world(problems: str, limit: int | None, out: str, scorer: str) -> list[str]:
    """The overrides of a sweep in the frozen world that is kept below `out`, judged by a class of its scorers."""
    tries = Path(out) / "tries"
    return [
        *("problems=bigbench", f"problems.path={problems}", "policy=custom", "scorer=custom"),
        *(f"policy.cls={CLASSES}.policy:Frozen", f"policy.args.folder={tries}"),
        *(f"scorer.cls={CLASSES}.scorer:{scorer}", f"scorer.args.folder={tries}"),
        *([] if limit is None else [f"problems.limit={limit}"]),
    ]


def main() -> int:
    for run in runs(from_overrides(Knobs)):
        begun = (run.folder / "results.jsonl").exists()
        words = [f"run={run.folder}"] if begun else [*run.overrides, f"out={run.folder}"]
        print(f"{run.folder.name}: {'goes on' if begun else 'begins'}", flush=True)
        if code := subprocess.run([sys.executable, "-m", "experiments", "sweep", *words], check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
