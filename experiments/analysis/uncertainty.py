"""Intervals over problems: Wilson's for accuracies, and the bootstrap for other statistics."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


class Interval(NamedTuple):
    low: float
    high: float


def accuracy_interval(correct: Sequence[float] | np.ndarray) -> Interval:
    """Wilson's 95 % interval of an accuracy, with the effective number of problems; `correct` is [P] in [0, 1].

    Wilson (1927); with an effective number as in Franco, Little, Louis and Slud (2019). It has width for every P.
    """
    values = np.asarray(correct, dtype=np.float64)
    return wilson(float(values.mean()), effective_number(values))


def wilson(mean: float, count: float) -> Interval:
    """Wilson's 95 % interval of an accuracy that is the mean of so many single results."""
    centre = (mean + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * math.sqrt(max(mean * (1 - mean), 0) / count + Z**2 / (4 * count**2))
    return Interval(min(max(centre - half, 0.0), mean), max(min(centre + half, 1.0), mean))


def effective_number(correct: np.ndarray) -> float:
    """How many single results, right or wrong, would give the mean as precisely as these values, [P] in [0, 1].

    P v / s, where s is the variance of the values and v = m (1 - m) that of single results with the same mean m. One
    more problem of variance 1/4 counts in both, so that few or equal values do not seem too certain. It is P for single
    results, and more for means over seeds and for expected values.
    """
    count, mean = len(correct), float(correct.mean())
    single = max(mean * (1 - mean), float(correct.var()))
    return count * (count * single + 0.25) / (count * float(correct.var()) + 0.25)


def interval_of(
    statistic: Callable[[np.ndarray], float], count: int, resamples: int = 2_000, seed: int = 0
) -> Interval:
    """The percentile bootstrap of a statistic of the indices of resampled problems, [count]; NaN are left out.

    Both ends are NaN where the statistic is never defined.
    """
    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, count, count)) for _ in range(resamples)])
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
