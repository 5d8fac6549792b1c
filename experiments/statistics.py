"""Intervals for accuracies: the problems are the sample."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Interval(NamedTuple):
    low: float
    high: float


def bootstrap_interval(values: ArrayLike, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean over problems, values [P]; (nan, nan) where there is none.

    Paired differences go in as one value a problem.
    """
    row = np.asarray(values, dtype=float)
    if not row.size:
        return Interval(float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(row.size, size=(resamples, row.size))
    low, high = np.quantile(row[drawn].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
