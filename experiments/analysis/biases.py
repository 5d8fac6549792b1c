"""Measures of the biases of Best-of-N with a PRM."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.best_of_n import is_right
from experiments.problems.solution import Solution
from search.answers.answers import DEFAULT
from search.answers.answers import Answers as Reading

PLACES = 10  # bins of the lowest score's position


class Biases(NamedTuple):
    """From "The Lessons of Developing Process Reward Models", arXiv 2501.07301, section 4.

    `right_but_doubted`: share of the solutions with a right answer that have a step scored wrong. `tolerated`: share of
    the solutions with a right answer and a wrong step in which no step is scored wrong. `lowest_is_last`: share of
    solutions whose lowest score is the last step's; `lowest` is the histogram of its position, from first step to last.
    Equal lowest scores share. NaN where there is no such solution.
    """

    right_but_doubted: float
    tolerated: float
    lowest_is_last: float
    lowest: np.ndarray


def biases(
    solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], threshold: float, reading: Reading = DEFAULT
) -> Biases:
    scored = [solution for solution in solutions if solution.id in scores]
    right = [s for s in scored if (s.answer is not None or s.answer_right is not None) and is_right(s, reading)]
    flawed = [s for s in right if False in s.right]
    places = [_lowest(scores[s.id]) for s in scored if len(s.steps) > 1]
    histogram = np.sum([_binned(shares) for shares in places], axis=0) / max(1, len(places))
    return Biases(
        right_but_doubted=_share(min(scores[s.id]) < threshold for s in right),
        tolerated=_share(min(scores[s.id]) >= threshold for s in flawed),
        lowest_is_last=_share(shares[-1] for shares in places),
        lowest=np.broadcast_to(histogram, PLACES),
    )


def _share(values: Iterable[float]) -> float:
    known = list(values)
    return float(np.mean(known)) if known else float("nan")


def _lowest(scores: Sequence[float]) -> np.ndarray:
    """Each step's share of the lowest score, [S]: 1 / m for each of m tied steps, 0 for the others."""
    is_lowest = np.asarray(scores) == min(scores)
    return is_lowest / is_lowest.sum()


def _binned(shares: np.ndarray) -> np.ndarray:
    """The shares of steps, [S], summed by tenths of the way from first step to last, [PLACES]."""
    bins = np.minimum((np.linspace(0, 1, len(shares)) * PLACES).astype(int), PLACES - 1)
    return np.bincount(bins, weights=shares, minlength=PLACES)
