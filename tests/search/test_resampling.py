"""Resampling kernels: unbiased, each with its guarantee, each with a law of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from search.algorithms.resampling import (
    RESAMPLERS,
    Indices,
    Scheme,
    effective_sample_size,
    log_mean,
    normalise,
)
from search.tree.scores import Array

WEIGHTS = [
    [0.05, 0.1, 0.15, 0.3, 0.4],
    [0.0, 0.7, 0.0, 0.3],
    [1.0, 2.0, 3.0, 1.5, 0.25, 0.25, 4.0],
    [1.0],
    [0.25, 0.25, 0.25, 0.25],
]


class Ones:
    """A generator whose uniform draws are the last number below one."""

    def random(self, count: int | None = None) -> Any:
        return np.nextafter(1.0, 0) if count is None else np.full(count, np.nextafter(1.0, 0))


@pytest.mark.parametrize("scheme", [Scheme.MULTINOMIAL, Scheme.STRATIFIED, Scheme.SYSTEMATIC])
def test_an_index_of_weight_zero_is_not_drawn_where_a_point_rounds_to_one(scheme: Scheme) -> None:
    weights = np.array([0.5, 0.5, 0.0, 0.0, 0.0])
    generator: Any = Ones()
    assert (4 + generator.random()) / 5 == 1.0
    assert max(RESAMPLERS[scheme](weights, generator)) == 1


def copies(scheme: Scheme, weights: Array, runs: int) -> Array:
    """[runs, N]: how often each index was drawn."""
    rng = np.random.default_rng(1)
    resample = RESAMPLERS[scheme]
    return np.array([np.bincount(resample(weights, rng), minlength=len(weights)) for _ in range(runs)], float)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("scheme", Scheme)
def test_ancestors_are_n_ascending_indices(scheme: Scheme, weights: list[float]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        ancestors = RESAMPLERS[scheme](np.array(weights), rng)
        assert len(ancestors) == len(weights) and np.all(np.diff(ancestors) >= 0)
        assert np.all(np.array(weights)[ancestors] > 0), "weight zero was drawn"


@pytest.mark.parametrize("weights", WEIGHTS[:3], ids=str)
@pytest.mark.parametrize("scheme", Scheme)
def test_unbiased(scheme: Scheme, weights: list[float]) -> None:
    """E[copies of i] = N w_i. 3,000 draws; z-test of each index, |z| < 4.5; an index without variance must be exact."""
    array = np.array(weights)
    expected = len(array) * array / array.sum()
    drawn = copies(scheme, array, 3_000)
    spread = drawn.std(0, ddof=1)
    assert spread.max() > 0.3
    for i in range(len(array)):
        if spread[i] == 0:
            assert drawn[0, i] == pytest.approx(expected[i])
        else:
            assert abs(drawn[:, i].mean() - expected[i]) / (spread[i] / np.sqrt(len(drawn))) < 4.5


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_guarantees(weights: list[float]) -> None:
    """Systematic: floor or ceil; residual: at least floor; stratified: less than 2 away."""
    array = np.array(weights)
    expected = len(array) * array / array.sum()
    low, high = np.floor(expected + 1e-9), np.ceil(expected - 1e-9)
    systematic = copies(Scheme.SYSTEMATIC, array, 500)
    assert np.all((systematic >= low) & (systematic <= high))
    assert np.all(copies(Scheme.RESIDUAL, array, 500) >= low)
    assert np.all(np.abs(copies(Scheme.STRATIFIED, array, 500) - expected) < 2)


def test_whole_shares_leave_nothing_to_chance() -> None:
    even = np.full(10, 0.1)
    for scheme in (Scheme.RESIDUAL, Scheme.SYSTEMATIC, Scheme.STRATIFIED):
        assert np.all(copies(scheme, even, 200) == 1)
    assert np.all(copies(Scheme.RESIDUAL, np.array([0.1, 0.2, 0.3, 0.4, *[0.0] * 6]), 200)[:, :4] == [1, 2, 3, 4])
    shares = [1, 1, 1, 0, 2, 2, 0, 2, 0, 1]
    rounded = np.array(shares) / 10
    assert np.any(np.floor(10 * rounded / rounded.sum()) < shares), "choose weights that rounding makes too small"
    assert np.all(copies(Scheme.RESIDUAL, rounded, 200) == shares)
    assert copies(Scheme.MULTINOMIAL, even, 200).std() > 0.5


def test_multinomial_is_multinomial() -> None:
    """Chi-square of the copies of one index against Binomial(4, 0.3): 4,000 draws, 4 degrees of freedom, p > 1e-5."""
    drawn = copies(Scheme.MULTINOMIAL, np.array([0.3, 0.3, 0.2, 0.2]), 4_000)[:, 0].astype(int)
    seen = np.bincount(drawn, minlength=5)
    binomial = np.array([1, 4, 6, 4, 1]) * 0.3 ** np.arange(5) * 0.7 ** (4 - np.arange(5)) * len(drawn)
    assert binomial.min() > 5
    assert ((seen - binomial) ** 2 / binomial).sum() < 28.5


def test_each_scheme_has_its_own_variance() -> None:
    """One index with N w = 2.4 of 6: multinomial 1.44 > residual > systematic 0.24; 3,000 draws, tolerance 10 %."""
    weights = np.array([0.4, 0.12, 0.12, 0.12, 0.12, 0.12])
    spread = {scheme: float(copies(scheme, weights, 3_000)[:, 0].var()) for scheme in Scheme}
    assert spread[Scheme.MULTINOMIAL] == pytest.approx(6 * 0.4 * 0.6, rel=0.1)
    assert spread[Scheme.RESIDUAL] == pytest.approx(4 * 0.1 * 0.9, rel=0.1)  # two copies sure, four draws of 0.4 / 4
    assert spread[Scheme.STRATIFIED] == pytest.approx(0.4 * 0.6, rel=0.1)  # the first strata are sure, one holds 0.4
    assert spread[Scheme.SYSTEMATIC] == pytest.approx(0.4 * 0.6, rel=0.1)


def test_one_draw_for_all_strata_or_one_in_each() -> None:
    """An index of N w = 1 that lies across two strata: systematic takes it once, stratified 0, 1 or 2 times.

    2,000 draws; 0.4 * 0.6 = 0.24 of variance from each of the two strata, tolerance 10 %.
    """
    weights = np.array([0.15, 0.25, 0.3, 0.3])
    assert np.all(copies(Scheme.SYSTEMATIC, weights, 2_000)[:, 1] == 1)
    assert copies(Scheme.STRATIFIED, weights, 2_000)[:, 1].var() == pytest.approx(0.48, rel=0.1)


@pytest.mark.parametrize("offset", [0.0, -1e4, 1e4])
def test_log_weights(offset: float) -> None:
    log_weights = np.log([0.1, 0.2, 0.7]) + offset
    assert normalise(log_weights) == pytest.approx([0.1, 0.2, 0.7])
    assert effective_sample_size(log_weights) == pytest.approx(1 / 0.54)
    assert log_mean(log_weights) == pytest.approx(np.log(1 / 3) + offset)
    with pytest.raises(ValueError, match="no particle"):
        normalise(np.full(3, -np.inf))


def test_effective_sample_size_lies_between_one_and_n() -> None:
    for n in range(1, 60):
        assert effective_sample_size(np.full(n, -1.7)) <= n
        assert effective_sample_size(np.full(n, -1.7)) == pytest.approx(n)
        assert effective_sample_size(np.array([0.0, *[-np.inf] * n])) == 1


def test_every_scheme_has_its_resampler() -> None:
    resamplers: list[Callable[[Array, np.random.Generator], Indices]] = [RESAMPLERS[scheme] for scheme in Scheme]
    assert [resample.__name__ for resample in resamplers] == [str(scheme) for scheme in Scheme]
