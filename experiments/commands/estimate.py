"""Estimates what k samples would have achieved, for every k up to n, from n independent samples a problem.

usage: stepsearch estimate run=DIR [key=value ...]

Prints for each k, and writes to estimates.csv with 95 % intervals over problems: pass@k, G-Pass@k and mG-Pass@k (arXiv
2412.13147), and the accuracy of the highest score, the majority and the score-weighted vote. Votes are means over
random subsets and have a standard error; the other estimates are exact. `stepsearch curves` draws them.

    stepsearch estimate run=runs/bigbench
    stepsearch estimate run=runs/bigbench k=1,3,10 share=0.75 draws=1000
"""

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.analysis.estimates import Subsets, estimates, independent
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.reports.fitting import show_table
from experiments.reports.tables import estimates_table, write_estimates
from experiments.runs.folder import given_folder
from experiments.runs.results import read_results
from experiments.terminal import screen
from search.errors import check_knob

FILE = "estimates.csv"


@dataclass(frozen=True)
class Estimate:
    """The knobs of `stepsearch estimate`."""

    run: str | None = None
    """the run folder of a sweep, or of `stepsearch import`"""
    searcher: str = "best_of_n"
    """the searcher whose samples are used; they must be independent"""
    k: list[int] | None = None
    """numbers of samples; null: 1, 2, 4, ... and n"""
    share: float = 0.5
    """G-Pass@k: the least share of k samples that must be right"""
    draws: int = 1000
    """random subsets for each vote of each problem"""
    seed: int = 0
    """seed of the random subsets"""

    def __post_init__(self) -> None:
        check_knob(self, "share", least=0, most=1)
        check_knob(self, "draws", least=2)
        check_knob(self, "seed", least=0)


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Estimate = build(compose(Estimate, overrides))
    folder = given_folder(knobs)
    results = independent(read_results(folder), knobs.searcher)
    rows = estimates(results, Subsets(knobs.k, knobs.share, knobs.draws, knobs.seed))
    show_table(screen(), estimates_table(rows, results), names=1)
    write_estimates(rows, folder / FILE)
    print(folder / FILE)
    return 0
