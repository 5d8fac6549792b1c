"""Intervals and p-values against published formulas and values counted by hand; test_coverage.py simulates them."""

import math

import numpy as np
import pytest

from experiments.analysis.differences import expected_squares, gain, holm, paired
from experiments.analysis.uncertainty import Z, accuracy_interval, effective_number


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(0, 20, 0, 0.1611), (20, 20, 0.8389, 1), (10, 20, 0.2993, 0.7007), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1)],
)
def test_single_results_have_wilsons_interval(right: int, of: int, low: float, high: float):
    """81 of 263 is Newcombe's (1998) example."""
    found = accuracy_interval([1.0] * right + [0.0] * (of - right))
    assert found == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_means_of_many_results_count_for_more_than_single_ones():
    """Of problems that are all the same, four results each say almost as much as four times the problems."""
    assert effective_number(np.array([0.0, 1.0] * 25)) == pytest.approx(50)
    assert effective_number(np.array([0.0, 0.5, 0.5, 1.0] * 25)) == pytest.approx(100 * 25.25 / 12.75)
    assert effective_number(np.zeros(20)) == 20, "of problems that are all wrong nothing is known but their number"
    assert 20 < effective_number(np.full(20, 0.5)) <= 21 * 20
    low, high = accuracy_interval([61 / 64] * 20)
    assert low < 61 / 64 < high, "equal values do not make a sure mean"


@pytest.mark.parametrize(("better", "worse", "same"), [(16, 8, 62), (5, 0, 15), (0, 0, 20), (3, 12, 285)])
def test_single_results_have_agresti_and_mins_interval(better: int, worse: int, same: int):
    """((b - c) +- z sqrt(b + c + 1 - (b - c)^2 / (n + 2))) / (n + 2)."""
    n, difference = better + worse + same, better - worse
    half = Z * math.sqrt(better + worse + 1 - difference**2 / (n + 2)) / (n + 2)
    found = paired(np.array([1.0] * better + [-1.0] * worse + [0.0] * same))
    assert found.mean == pytest.approx(difference / n)
    assert found.interval == pytest.approx((difference / (n + 2) - half, difference / (n + 2) + half))
    assert (found.p_value < 0.05) == (not found.interval.low <= 0 <= found.interval.high)


def test_problems_needed_are_those_of_the_usual_formula():
    """(z_0.975 + z_0.8)^2 variance / difference^2; of 1,000 problems 150 are better and 100 worse."""
    found = paired(np.array([1.0] * 150 + [-1.0] * 100 + [0.0] * 750))
    assert found.needed == pytest.approx(2.8016**2 * (0.25 - 0.05**2) / 0.05**2, rel=0.01)
    assert paired(np.zeros(20)).needed is None


def test_a_searcher_that_is_right_everywhere_is_not_better_than_one_that_nearly_is():
    """20 of 20 against 61 / 64 each, the audit's case: 20 right answers have probability 0.38 then."""
    found = gain(np.ones(20), np.full(20, 61 / 64))
    assert found.mean == pytest.approx(3 / 64) and found.interval.low < 0 < found.interval.high and found.p_value > 0.2


def test_an_expected_value_gives_the_least_variance():
    """200 of 200 against 0.95 each: the differences do not vary, but results would, with a variance of 0.0475."""
    expected = np.full(200, 0.95)
    assert expected_squares(expected) == pytest.approx(200 * 0.0475)
    assert expected_squares(expected, seeds=4) == pytest.approx(50 * 0.0475)
    found = gain(np.ones(200), expected)
    half = (found.interval.high - found.interval.low) / 2
    assert half == pytest.approx(Z * math.sqrt((0.0475 + 1 / 200) / 200), rel=0.03)


def test_more_seeds_narrow_what_is_added():
    once, four = (paired(np.zeros(20), seeds) for seeds in (1, 4))
    assert four.interval.high == pytest.approx(once.interval.high / 2)


def test_holms_adjustment():
    """As R's p.adjust gives them."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1] and holm([0.03]) == [0.03] and holm([]) == []
