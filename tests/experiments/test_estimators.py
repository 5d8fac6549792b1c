"""Estimators from n samples, against every subset counted one by one."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from experiments.analysis.pass_at_k import (
    Samples,
    best_at_k,
    doublings,
    g_pass_at_k,
    mean_g_pass_at_k,
    pass_at_k,
    vote_at_k,
)

RIGHT = [True, False, False, True, False, True, False]
SCORE = [0.5, 0.9, 0.9, 0.9, 0.1, 0.5, 0.95]  # the last, of the highest score, has no answer
GROUP = [0, 1, 2, 0, 1, 0, -1]
SAMPLES = Samples(np.array(GROUP), np.array(RIGHT, dtype=float), np.array(SCORE), np.array(SCORE))
N, C = len(RIGHT), sum(RIGHT)


def counted(k: int, figure: Callable[[tuple[int, ...]], float]) -> float:
    return float(np.mean([figure(subset) for subset in combinations(range(N), k)]))


def best(subset: tuple[int, ...]) -> float:
    answered = [place for place in subset if GROUP[place] >= 0]
    most = max((SCORE[place] for place in answered), default=0)
    return float(np.mean([RIGHT[place] for place in answered if SCORE[place] == most] or [0]))


def voted(weight: list[float]) -> Callable[[tuple[int, ...]], float]:
    def figure(subset: tuple[int, ...]) -> float:
        totals: dict[int, float] = {}
        for place in subset:
            if GROUP[place] >= 0:
                totals[GROUP[place]] = totals.get(GROUP[place], 0) + weight[place]
        won = [group for group, total in totals.items() if total >= max(totals.values()) - 1e-12]
        return float(np.mean([RIGHT[GROUP.index(group)] for group in won])) if won else 0.0

    return figure


@pytest.mark.parametrize("k", range(1, N + 1))
def test_exact_figures_are_those_of_all_subsets(k: int):
    hits = [sum(RIGHT[place] for place in subset) for subset in combinations(range(N), k)]
    assert pass_at_k(N, C, k) == pytest.approx(np.mean([hit > 0 for hit in hits]))
    for share in (0.0, 0.25, 0.5, 1.0):
        assert g_pass_at_k(N, C, k, share) == pytest.approx(np.mean([hit >= max(1, share * k) for hit in hits]))
    assert best_at_k(SAMPLES, k) == pytest.approx(counted(k, best))


def test_mg_pass_is_twice_the_area_from_a_half_to_one():
    assert mean_g_pass_at_k(10, 10, 4) == pytest.approx(1.0), "always right: two shares above a half, each 1"
    assert mean_g_pass_at_k(10, 0, 4) == 0
    expected = 2 / 4 * (g_pass_at_k(10, 7, 4, 0.75) + g_pass_at_k(10, 7, 4, 1.0))
    assert mean_g_pass_at_k(10, 7, 4) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [[1.0] * N, SCORE])
@pytest.mark.parametrize("k", [1, 3, 4, N])
def test_votes_of_subsets_are_estimated_without_bias(k: int, weight: list[float]):
    """30 of at most 35 subsets, 400 times: their mean lies within five standard errors. All of them are exact."""
    known = counted(k, voted(weight))
    drawn = [vote_at_k(SAMPLES, np.array(weight), k, 30, np.random.default_rng(seed)) for seed in range(400)]
    means = [one.mean for one in drawn]
    assert abs(np.mean(means) - known) <= 5 * np.std(means) / 20 + 1e-12
    if k in (3, 4):
        assert np.mean([one.error for one in drawn]) == pytest.approx(np.std(means), rel=0.2)
    exact = vote_at_k(SAMPLES, np.array(weight), k, 35, np.random.default_rng(0))
    assert exact == (pytest.approx(known), 0)


def test_more_samples_than_there_are_is_an_error():
    for k in (0, 8):
        with pytest.raises(ValueError, match=f"k is {k}; of 7 samples it can be 1 to 7"):
            pass_at_k(7, 3, k)


def test_doublings_end_with_n():
    assert list(doublings(10)) == [1, 2, 4, 8, 10] and list(doublings(1)) == [1] and list(doublings(4)) == [1, 2, 4]
