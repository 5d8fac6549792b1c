"""How well step scores tell right from wrong: the area under the ROC curve, and F1 as ProcessBench defines it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Judged(NamedTuple):
    """One solution: its steps' scores and whether each is right, both [S]."""

    scores: Sequence[float]
    right: Sequence[bool]

    @property
    def first_wrong(self) -> int | None:
        return list(self.right).index(False) if False in self.right else None


def auc(scores: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right step scores above a wrong one, ties counted half; scores and right are [S].

    NaN where all steps are right, or all are wrong.
    """
    if right.all() or not right.any():
        return float("nan")
    order = np.sort(scores[~right])
    below = np.searchsorted(order, scores[right], side="left")
    above = np.searchsorted(order, scores[right], side="right")
    return float(((below + above) / 2).mean() / len(order))


def up_to_first_error(solutions: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels, [S], of all steps up to and including each solution's first wrong one."""
    scores, right = [], []
    for solution in solutions:
        count = len(solution.right) if solution.first_wrong is None else solution.first_wrong + 1
        scores += solution.scores[:count]
        right += solution.right[:count]
    return np.array(scores, dtype=float), np.array(right, dtype=bool)


class F1(NamedTuple):
    """`erroneous`: share of the wrong solutions whose first wrong step is found exactly; `correct`: share of the right
    ones in which none is found; `f1`: their harmonic mean.
    """

    f1: float
    erroneous: float
    correct: float


def step_f1(solutions: Sequence[Judged], threshold: float) -> F1:
    """ProcessBench (arXiv 2412.06559, section 3): a scorer finds the first step that it puts below `threshold`.

    NaN where all solutions are right, or all are wrong.
    """
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for solution in solutions:
        found = next((place for place, score in enumerate(solution.scores) if score < threshold), None)
        hits[solution.first_wrong is None].append(found == solution.first_wrong)
    if not (hits[True] and hits[False]):
        return F1(float("nan"), float("nan"), float("nan"))
    erroneous, correct = float(np.mean(hits[False])), float(np.mean(hits[True]))
    return F1(2 * erroneous * correct / max(erroneous + correct, 1e-12), erroneous, correct)


def best_threshold(solutions: Sequence[Judged]) -> float:
    """The one of highest F1 among a hundred; ProcessBench chooses it on other problems than it reports."""
    return max(np.linspace(0.01, 0.99, 99).tolist(), key=lambda threshold: step_f1(solutions, threshold).f1)
