"""Intervals by the percentile bootstrap over problems, and p-values by the permutation of signs."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

RESAMPLES, LEVEL, SEED = 10_000, 0.95, 0


_CHUNK = 1 << 20  # indices drawn at once


class Interval(NamedTuple):
    low: float
    high: float


def interval(values: Sequence[float], resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED) -> Interval:
    """The central `level` of the means of resampled values, [P] with P >= 1.

    The draws depend only on P and the seed, so two cells over the same problems are resampled alike.
    """
    array = np.asarray(values, dtype=np.float64)
    times, step = _times_drawn(len(array), resamples, seed), max(1, _CHUNK // len(array))
    sums = [times[start : start + step] @ array for start in range(0, resamples, step)]  # each part becomes float64
    return _central(np.concatenate(sums) / len(array), level)


@lru_cache(maxsize=1)
def _times_drawn(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of `count` problems is in each resample, [resamples, count]; many intervals share it."""
    rng, step = np.random.default_rng(seed), max(1, _CHUNK // count)
    times = np.empty((resamples, count), dtype=np.uint8)  # of 256 draws and more, no problem gets 256
    for start in range(0, resamples, step):
        drawn = rng.integers(0, count, (min(step, resamples - start), count))
        places = drawn + count * np.arange(len(drawn))[:, None]
        times[start : start + step] = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
    return times


def interval_of(
    statistic: Callable[[np.ndarray], float], count: int, resamples: int = 2_000, level: float = LEVEL, seed: int = SEED
) -> Interval:
    """As `interval`, for any statistic of the indices of resampled problems, [count]; NaN are left out.

    Both ends are NaN where the statistic is never defined.
    """
    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, count, count)) for _ in range(resamples)])
    defined = values[~np.isnan(values)]
    return _central(defined, level) if len(defined) else Interval(float("nan"), float("nan"))


def _central(values: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


PERMUTATIONS = 10_000


def p_value(gain: np.ndarray, seed: int = 0) -> float:
    """Two-sided p-value of a paired permutation test that flips the signs of the problems' differences, [P].

    The observed signs count as one of the permutations (Phipson and Smyth 2010, equation 2), so the p-value is never 0.
    """
    as_large = np.abs(_signs(len(gain), seed) @ gain) >= abs(gain.sum()) - 1e-9
    return float((1 + as_large.sum()) / (1 + PERMUTATIONS))


@lru_cache(maxsize=1)
def _signs(count: int, seed: int) -> np.ndarray:
    """[permutations, count] of 1 and -1; many comparisons share them."""
    return np.random.default_rng(seed).integers(0, 2, (PERMUTATIONS, count), dtype=np.int8) * 2 - 1
