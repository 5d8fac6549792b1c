"""The searcher that a calibration run found best: search=auto search.run=runs/calibration search.budget=1000"""

from dataclasses import dataclass
from typing import ClassVar

from search.errors import check_knob


@dataclass(frozen=True)
class Auto:
    """The setting that was most accurate in a sweep; without a run, the default of search=again"""

    run: str | None = None
    """the run folder of a sweep of such problems; null: REBASE of 8 in up to 8 rounds, until the vote is sure"""
    budget: float | None = None
    """limit on the mean number of generated tokens a problem in that run; null: none"""

    target: ClassVar[str] = "experiments.analysis.auto.searcher"

    def __post_init__(self) -> None:
        check_knob(self, "budget", above=0)
