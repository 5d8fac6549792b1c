"""Differences of paired accuracies: interval, p-value, its adjustment for many comparisons, and problems needed."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from experiments.analysis.uncertainty import Interval, Z

SIGNIFICANT = 0.05  # p-values below it are significant
POWER = 0.8
_ROUNDING = 1e-9  # differences of expected values that are smaller are zero


class Difference(NamedTuple):
    """A mean difference with its 95 % interval and two-sided p-value, neither adjusted for other comparisons.

    The interval contains 0 exactly where p is at least 0.05. `needed` is the number of problems at which a difference
    of this size is significant with probability 0.8; None where the difference is 0.
    """

    mean: float
    interval: Interval
    p_value: float
    needed: int | None


def paired(differences: np.ndarray, seeds: int = 1, least: float = 0.0) -> Difference:
    """The mean of paired differences of correctness, [P] in [-1, 1], each of means over `seeds` results.

    The adjusted Wald interval of Agresti and Min (2005, "Simple improved confidence intervals for comparing matched
    proportions"): of two more problems, half a result speaks for either side. So there is width where all are equal.

    `least` is the least sum of squares under the hypothesis of no difference, from `expected_squares`. It is needed
    where one side is an expected value: where all results are right, the differences hardly vary.
    """
    gains = np.where(np.abs(differences) < _ROUNDING, 0.0, differences)
    mean, count = float(gains.mean()), len(gains) + 2
    centre = float(gains.sum()) / count
    squares = max(float((gains**2).sum()), least + len(gains) * centre**2) + 1 / seeds
    error = math.sqrt((squares / count - centre**2) / count)
    needed = None
    if mean:
        needed = math.ceil(count * (error * (Z + NormalDist().inv_cdf(POWER)) / mean) ** 2)
    p_value = math.erfc(abs(centre) / error / math.sqrt(2))
    return Difference(mean, Interval(centre - Z * error, centre + Z * error), p_value, needed)


def gain(correct: np.ndarray, expected: np.ndarray) -> Difference:
    """The difference of single results, [P], from an expected value, [P], such as the mean of all samples."""
    return paired(correct - expected, least=expected_squares(expected))


def expected_squares(expected: np.ndarray, seeds: int = 1) -> float:
    """The variance, summed over problems, of means of `seeds` results whose expected correctness is [P]."""
    return float((expected * (1 - expected)).clip(0).sum()) / seeds


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted by Holm's method (1979), in the same order.

    If all below 0.05 are called significant, the probability that any of them is so by chance is at most 0.05.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
