"""Estimates for every number k of samples from n independent samples of a problem.

Subsets of k are drawn uniformly without replacement, so each estimate is unbiased for k <= n. n is the number of
samples, c of them are right.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np


class Samples(NamedTuple):
    """One problem's, [n] each: the group that an answer belongs to (-1: none), whether it is right, its score, and its
    weight in a weighted vote. A sample without an answer is never right.
    """

    group: np.ndarray
    right: np.ndarray
    score: np.ndarray
    weight: np.ndarray


class Expected(NamedTuple):
    """A mean over drawn subsets and its standard error, which is 0 where the mean is exact."""

    mean: float
    error: float = 0.0


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that some sample of k is right: 1 - C(n - c, k) / C(n, k) (arXiv 2107.03374, equation 1)."""
    _check(n, k)
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def g_pass_at_k(n: int, c: int, k: int, share: float) -> float:
    """Probability that at least `share` of k samples are right, and at least one (arXiv 2412.13147, equation 3)."""
    _check(n, k)
    least = max(1, math.ceil(share * k - 1e-9))
    return sum(math.comb(c, j) * math.comb(n - c, k - j) for j in range(least, min(c, k) + 1)) / math.comb(n, k)


def mean_g_pass_at_k(n: int, c: int, k: int) -> float:
    """mG-Pass@k: twice the area under G-Pass@k for shares of a half to one (arXiv 2412.13147, equation 5).

    G-Pass@k is constant between shares i / k, so the area is exact: of an odd k the first stretch is half as long.
    """
    stretches = [(i, 1.0 if 2 * (i - 1) >= k else 0.5) for i in range(k // 2 + 1, k + 1)]
    return 2 / k * sum(length * g_pass_at_k(n, c, k, i / k) for i, length in stretches)


def best_at_k(samples: Samples, k: int) -> float:
    """Expected correctness of the highest score among k samples that have an answer; equal scores share.

    Exact, by order statistics: the highest of k is among the samples of score s if none of those above s is drawn and
    some of s is, and each of them is then equally likely.
    """
    n = len(samples.score)
    _check(n, k)
    ranked = (samples.group >= 0) & np.isfinite(samples.score)
    _, place, sizes = np.unique(-samples.score[ranked], return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=samples.right[ranked]) / sizes  # of right samples among those of equal score
    none_higher = [math.comb(n - above, k) for above in (0, *np.cumsum(sizes).tolist())]
    every = math.comb(n, k)
    chosen = [(more - fewer) / every for more, fewer in pairwise(none_higher)]
    return math.fsum(np.array(chosen) * shares)


def vote_at_k(samples: Samples, weight: np.ndarray, k: int, draws: int, rng: np.random.Generator) -> Expected:
    """Expected correctness of the group of highest total weight among k; groups of equal weight share.

    A mean over `draws` random subsets; exact, over all of them, where there are no more. Samples without an answer do
    not vote; where none has one, the answer is wrong. `weight` is [n]: ones for a majority, scores for a weighted one.
    """
    n = len(samples.group)
    _check(n, k)
    if math.comb(n, k) <= draws:
        return Expected(float(_voted(samples, weight, _subsets(n, k)).mean()))
    order = np.argsort(rng.random((draws, n)), axis=1)
    correct = _voted(samples, weight, order < k)
    return Expected(float(correct.mean()), float(correct.std(ddof=1) / np.sqrt(draws)))


@lru_cache(maxsize=64)
def _subsets(n: int, k: int) -> np.ndarray:
    """Which of n samples are in each subset of k, [C(n, k), n]."""
    drawn = np.zeros((math.comb(n, k), n), dtype=bool)
    np.put_along_axis(drawn, np.array(list(combinations(range(n), k))), True, axis=1)
    return drawn


def _voted(samples: Samples, weight: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Correctness of the answer that each subset votes for, [draws]; `drawn` is [draws, n], which samples are in it."""
    voters = np.flatnonzero(samples.group >= 0)
    groups, firsts, places = np.unique(samples.group[voters], return_index=True, return_inverse=True)
    if not len(groups):
        return np.zeros(len(drawn))
    member = np.zeros((len(samples.group), len(groups)))  # [n, G]
    member[voters, places] = 1.0
    counts = drawn.astype(np.float64) @ np.hstack([member * weight[:, None], member])
    totals = np.where(counts[:, len(groups) :] > 0, counts[:, : len(groups)], -np.inf)
    most = totals.max(1, keepdims=True)
    winners = (totals >= most - 1e-10 * np.abs(most)) & np.isfinite(totals)
    right = np.tile(samples.right[voters][firsts], (len(drawn), 1))
    for group in np.unique(places[samples.right[voters] != samples.right[voters][firsts][places]]):
        right[:, group] = _first_right(samples.right, drawn, voters[places == group])
    return np.where(winners, right, 0.0).sum(1) / np.maximum(winners.sum(1), 1)


def _first_right(right: np.ndarray, drawn: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Correctness of a group's answer in each subset, [draws]: its first member's of those drawn, as in a search.

    Where equality is not transitive (0.25, 25 % and 25), not all members of a group are right or wrong together.
    """
    return right[members[drawn[:, members].argmax(1)]]


def _check(n: int, k: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"k is {k}; of {n} samples it can be 1 to {n}")


def doublings(n: int) -> Sequence[int]:
    """1, 2, 4, ... and n itself."""
    return sorted({2**power for power in range(n.bit_length()) if 2**power <= n} | {n})
