"""How well step scores tell right from wrong: AUC, ProcessBench's F1, PRMBench's score, calibration."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np


class Judged(NamedTuple):
    """One solution: its steps' scores, and whether each is right, both [S]; None where a step has no label.

    `problem` tells which solutions are of one problem; None where it is the only one.
    """

    scores: Sequence[float]
    right: Sequence[bool | None]
    problem: Hashable = None

    @property
    def first_wrong(self) -> int | None:
        return list(self.right).index(False) if False in self.right else None


class Steps(NamedTuple):
    """Scores and labels of steps pooled from solutions, both [S]."""

    scores: np.ndarray
    right: np.ndarray


def up_to_first_error(solutions: Sequence[Judged]) -> Steps:
    """All steps up to and including each solution's first wrong one."""
    scores, right = [], []
    for solution in solutions:
        count = len(solution.right) if solution.first_wrong is None else solution.first_wrong + 1
        scores += solution.scores[:count]
        right += solution.right[:count]
    return _labelled(scores, right)


def every_step(solutions: Sequence[Judged]) -> Steps:
    return _labelled([s for each in solutions for s in each.scores], [r for each in solutions for r in each.right])


def _labelled(scores: Sequence[float], right: Sequence[bool | None]) -> Steps:
    labelled = [(score, label) for score, label in zip(scores, right, strict=True) if label is not None]
    return Steps(
        np.array([score for score, _ in labelled], dtype=float), np.array([label for _, label in labelled], dtype=bool)
    )


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


class F1(NamedTuple):
    """`erroneous`: share of the wrong solutions whose first wrong step is found exactly; `correct`: share of the right
    ones in which none is found; `f1`: their harmonic mean.
    """

    f1: float
    erroneous: float
    correct: float


class FirstErrors(NamedTuple):
    """A scorer's predictions on solutions, booleans [P] each. `right`: the solution has no wrong step. `hit`: its first
    wrong step, or that there is none, was predicted. `counted`: every step is labelled, up to the first wrong one.
    """

    right: np.ndarray
    hit: np.ndarray
    counted: np.ndarray

    def f1(self, chosen: np.ndarray | slice = slice(None)) -> F1:
        """The F1 of the chosen solutions. NaN where all are right, or all are wrong."""
        counted = self.counted[chosen]
        right, hit = self.right[chosen][counted], self.hit[chosen][counted]
        if right.all() or not right.any():
            return F1(float("nan"), float("nan"), float("nan"))
        erroneous, correct = float(hit[~right].mean()), float(hit[right].mean())
        return F1(harmonic(erroneous, correct), erroneous, correct)


def harmonic(first: float, second: float) -> float:
    """The harmonic mean; 0 where both are 0."""
    return 2 * first * second / max(first + second, 1e-12)


def first_errors(solutions: Sequence[Judged], threshold: float) -> FirstErrors:
    """ProcessBench (arXiv 2412.06559, section 3): a scorer finds the first step that it puts below `threshold`."""
    wrong = [solution.first_wrong for solution in solutions]
    predicted = [next((i for i, score in enumerate(s.scores) if score < threshold), None) for s in solutions]
    return FirstErrors(
        right=np.array([place is None for place in wrong], dtype=bool),
        hit=np.array([a == b for a, b in zip(predicted, wrong, strict=True)], dtype=bool),
        counted=np.array([None not in s.right[:place] for s, place in zip(solutions, wrong, strict=True)], dtype=bool),
    )


def step_f1(solutions: Sequence[Judged], threshold: float) -> F1:
    """ProcessBench's F1 of all the solutions."""
    return first_errors(solutions, threshold).f1()


def best_threshold(solutions: Sequence[Judged]) -> float:
    """The threshold of highest F1; ProcessBench chooses it on other problems than those it reports.

    Candidates are 0.01, 0.02, ..., 0.99 for probabilities, and the percentiles of the scores otherwise.
    """
    scores = np.array([score for each in solutions for score in each.scores])
    is_share = len(scores) == 0 or (scores.min() >= 0 and scores.max() <= 1)
    tried = np.linspace(0.01, 0.99, 99) if is_share else np.unique(np.quantile(scores, np.linspace(0, 1, 101)))
    return max(tried.tolist(), key=lambda threshold: step_f1(solutions, threshold).f1)


def prm_score(steps: Steps, threshold: float) -> float:
    """PRMBench (arXiv 2501.03124): the mean of the F1 of finding right steps and of finding wrong ones.

    Where no step is wrong, as in its multi-solution category, the F1 of finding right steps alone. NaN without steps.
    """
    if not len(steps.right):
        return float("nan")
    called = steps.scores >= threshold
    scores = [_f1(called, steps.right), _f1(~called, ~steps.right)]
    return float(np.mean(scores)) if not steps.right.all() else scores[0]


def _f1(called: np.ndarray, real: np.ndarray) -> float:
    hits = float((called & real).sum())
    return 2 * hits / max(float(called.sum() + real.sum()), 1e-12)


class Bin(NamedTuple):
    """Steps whose scores lie in one tenth of [0, 1]: how many, their mean score, and the share that is right."""

    count: int
    score: float
    right: float


def calibration(steps: Steps, bins: int = 10) -> list[Bin]:
    """The bins that hold steps, lowest scores first."""
    places = np.clip((steps.scores * bins).astype(int), 0, bins - 1)
    members = [places == place for place in range(bins)]
    return [Bin(int(h.sum()), float(steps.scores[h].mean()), float(steps.right[h].mean())) for h in members if h.any()]


def calibration_error(curve: Sequence[Bin]) -> float:
    """ECE: the mean distance of score and share that is right, weighted by steps."""
    return sum(b.count * abs(b.score - b.right) for b in curve) / max(1, sum(b.count for b in curve))
