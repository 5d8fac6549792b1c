"""Step metrics against what can be counted by hand."""

import numpy as np
import pytest

from experiments.analysis.step_metrics import Judged, auc, best_threshold, step_f1, up_to_first_error
from experiments.analysis.uncertainty import interval_of

RIGHT = Judged([0.9, 0.8], [True, True])
FOUND = Judged([0.9, 0.2, 0.1], [True, False, False])
EARLY = Judged([0.4, 0.3], [True, False])  # finds a mistake a step too early
MISSED = Judged([0.9, 0.9], [True, False])


def test_f1_is_the_harmonic_mean_of_both_kinds():
    assert step_f1([RIGHT, FOUND], 0.5) == (1.0, 1.0, 1.0)
    one_third = step_f1([RIGHT, FOUND, EARLY, MISSED], 0.5)
    assert one_third == pytest.approx((0.5, 1 / 3, 1.0))
    assert step_f1([Judged([0.1], [True]), FOUND], 0.5).correct == 0
    assert np.isnan(step_f1([RIGHT], 0.5).f1), "there is no wrong one to find"


def test_the_best_threshold_lies_between_right_and_wrong():
    assert step_f1([RIGHT, FOUND, EARLY], best_threshold([RIGHT, FOUND, EARLY])).f1 == 1.0
    assert 0.3 < best_threshold([RIGHT, FOUND, EARLY]) <= 0.4


def test_auc_counts_pairs_and_ties_half():
    assert auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(np.array([0.9]), np.array([True])))


def test_steps_after_the_first_error_do_not_count():
    scores, right = up_to_first_error([FOUND, RIGHT])
    assert scores.tolist() == [0.9, 0.2, 0.9, 0.8]
    assert right.tolist() == [True, False, True, True]


def test_a_statistic_that_is_never_defined_has_no_interval():
    assert np.isnan(interval_of(lambda chosen: float("nan"), 4, resamples=10)).all()
    sometimes = interval_of(lambda chosen: 1.0 if 0 in chosen else float("nan"), 4, resamples=10)
    assert sometimes == (1.0, 1.0)


def test_the_bootstrap_of_a_mean_has_the_binomial_width():
    """Mean of 200 zeros and 200 ones: sd of the mean 0.025, so 0.5 -+ 0.049; 10,000 resamples leave about 0.001."""
    values = np.array([0.0, 1.0] * 200)
    low, high = interval_of(lambda chosen: float(values[chosen].mean()), len(values), resamples=10_000)
    assert low == pytest.approx(0.451, abs=0.004) and high == pytest.approx(0.549, abs=0.004)
