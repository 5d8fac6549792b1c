"""Stopping rules: binomial sums, Monte Carlo, and how often a rule that looks after each sample settles wrongly."""

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from search.stopping import Sure, anytime_confidence, half_beta, leader_posterior

Counts = NDArray[np.int64]
LONGEST = 200  # samples of a world at most; a rule looks after each of them

WORLDS: dict[str, list[float]] = {
    "55/45": [0.55, 0.45],
    "50/50": [0.5, 0.5],
    "three": [0.36, 0.33, 0.31],
    "many rare": [0.04, *[0.03] * 32],
    "one rival, many rare": [0.3, 0.28, *[0.01] * 42],
}
"""The probabilities of answers; the first is the right one. At 50/50 the other one counts as wrong as well."""


@pytest.mark.parametrize(("a", "b"), list(product([1, 2, 3, 8, 40], repeat=2)))
def test_half_beta_is_a_binomial_tail(a: int, b: int) -> None:
    n = a + b - 1
    exact = sum(math.comb(n, k) for k in range(a, n + 1)) / 2**n
    assert half_beta(a, b) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("a", "b"), [(3.7, 1.2), (2.5, 2.25), (9.3, 6.8)])
def test_half_beta_between_whole_numbers(a: float, b: float) -> None:
    """Against 400,000 draws: within 4 standard errors."""
    below = np.random.default_rng(3).beta(a, b, 400_000) < 0.5
    assert abs(below.mean() - half_beta(a, b)) < 4 * math.sqrt(half_beta(a, b) / 400_000)
    assert half_beta(a, b) + half_beta(b, a) == pytest.approx(1, rel=1e-12)


def test_half_beta_of_many_samples() -> None:
    assert half_beta(50_001, 50_001) == pytest.approx(0.5, rel=1e-9)
    assert half_beta(5_001, 1) == 0.0 and half_beta(1_001, 1) == pytest.approx(2**-1001, rel=1e-9)


def test_the_posterior_of_the_leader() -> None:
    assert leader_posterior([8.0]) == pytest.approx(1 - 2**-9)  # 0.998: eight equal answers of score 1
    assert leader_posterior([]) == 0
    assert leader_posterior([3.0, 3.0]) == pytest.approx(0.5)
    assert leader_posterior([0.2, 1.0, 2.5]) == leader_posterior([2.5, 1.0]) == pytest.approx(1 - half_beta(3.5, 2.0))
    growing = [leader_posterior([first, 2.0]) for first in (2.0, 3.0, 5.0, 9.0)]
    assert growing == sorted(growing) and len(set(growing)) == 4


@pytest.mark.parametrize(("first", "second"), [(3, 0), (5, 2), (9, 8)])
def test_the_anytime_evidence_is_the_mean_over_the_bets(first: int, second: int) -> None:
    """A sum over 100,000 values of p in [1/2, 1] in place of the integral."""
    p = 0.5 + (np.arange(100_000) + 0.5) / 200_000
    evidence = np.mean((2 * p) ** first * (2 - 2 * p) ** second)
    counts = [first, second] if second else [first]
    assert anytime_confidence(counts) == pytest.approx(max(0.0, 1 - 3 / evidence), abs=1e-7)
    assert anytime_confidence([second or 1, first]) == pytest.approx(
        max(0.0, 1 - 9 / np.mean((2 * p) ** first * (2 - 2 * p) ** (second or 1))), abs=1e-7
    )


def test_the_anytime_rule_needs_some_more_samples_than_the_posterior() -> None:
    def unanimous(rule: Sure, sure: float) -> int:
        confidence = {Sure.COUNT: leader_posterior, Sure.ANYTIME: anytime_confidence}[rule]
        return next(n for n in range(1, 100) if confidence([n]) > sure)

    assert [unanimous(Sure.COUNT, sure) for sure in (0.9, 0.95, 0.99)] == [3, 4, 6]
    assert [unanimous(Sure.ANYTIME, sure) for sure in (0.9, 0.95, 0.99)] == [7, 9, 11]
    assert anytime_confidence([]) == anytime_confidence([1]) == anytime_confidence([4, 4]) == 0


def wrong_at_the_end(world: list[float], rule: Sure, sure: float, worlds: int, seed: int = 0) -> float:
    """The share of worlds in which the rule, looked at after each sample, stops with an answer that is not the first.

    Samples of all worlds are drawn and counted at once; the confidence is computed once for each pair of counts.
    """
    rng, ended, wrong = np.random.default_rng(seed), np.zeros(worlds, bool), np.zeros(worlds, bool)
    counts: Counts = np.zeros((worlds, len(world)), np.int64)
    order: Counts = np.full((worlds, len(world)), len(world))  # how many answers had appeared before this one
    known: dict[tuple[int, int, int], float] = {}
    for answers in rng.choice(len(world), size=(LONGEST, worlds), p=world):
        rows = np.arange(worlds)
        new = counts[rows, answers] == 0
        order[rows[new], answers[new]] = (counts[new] > 0).sum(axis=1)
        counts[rows, answers] += 1
        second, first = np.sort(counts, axis=1)[:, -2:].T
        leaders = np.where(counts == first[:, None], order, len(world)).argmin(axis=1)  # of equals the earliest
        looks = np.stack([first, second, order[rows, leaders]], axis=1)
        unique, places = np.unique(looks, axis=0, return_inverse=True)
        for look in map(tuple, unique.tolist()):
            if look not in known:
                known[look] = confidence(rule, *look)
        sure_now = np.array([known[look] for look in map(tuple, unique.tolist())])[places.reshape(-1)] > sure
        stops = sure_now & ~ended
        wrong |= stops & (leaders != 0)
        ended |= stops
    return float(wrong.mean())


def confidence(rule: Sure, first: int, second: int, before: int) -> float:
    """Of a leader with `first` samples that appeared after `before` other answers, one of which has `second`."""
    if rule is Sure.COUNT:
        return leader_posterior([first, second])
    others = [second, *[1] * (before - 1)] if before else []
    return anytime_confidence([*others, first, *([] if before else [second])])


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.01])
@pytest.mark.parametrize("name", WORLDS)
def test_the_anytime_rule_is_wrong_in_at_most_alpha_of_worlds(name: str, alpha: float) -> None:
    """1,000 worlds; the bound and 3 standard errors."""
    wrong = wrong_at_the_end(WORLDS[name], Sure.ANYTIME, 1 - alpha, 1_000)
    assert wrong <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.01])
@pytest.mark.parametrize("name", WORLDS)
def test_the_anytime_rule_in_ten_thousand_worlds(name: str, alpha: float) -> None:
    assert wrong_at_the_end(WORLDS[name], Sure.ANYTIME, 1 - alpha, 10_000, seed=1) <= alpha


@pytest.mark.slow
def test_the_posterior_is_wrong_more_often_than_it_says() -> None:
    """At 55/45, asked for 5 %, it settles on the wrong answer in more than 10 % of 2,000 worlds."""
    assert wrong_at_the_end(WORLDS["55/45"], Sure.COUNT, 0.95, 2_000) > 0.1
    assert wrong_at_the_end(WORLDS["55/45"], Sure.ANYTIME, 0.95, 2_000) < 0.05
