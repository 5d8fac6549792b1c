"""Resampling kernels: (weights [N], generator) -> ancestor indices [N], in ascending order.

Weights need not be normalised. E[copies of i] = N w_i for each of them (Douc, Cappe, Moulines 2005, section 3).
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from search.tree.scores import Array, normalise

Indices = NDArray[np.intp]


class Scheme(StrEnum):
    MULTINOMIAL = "multinomial"
    RESIDUAL = "residual"
    STRATIFIED = "stratified"
    SYSTEMATIC = "systematic"


def effective_sample_size(log_weights: Array) -> float:
    """1 / sum of squared normalised weights, between 1 and N."""
    weights = normalise(log_weights)
    # Rounding may lift equal weights above N, and a threshold of one would then not resample them.
    return min(float(1 / (weights**2).sum()), float(len(weights)))


def log_mean(log_weights: Array) -> float:
    """log of the mean weight, [N] -> scalar."""
    top = float(log_weights.max())
    return top + float(np.log(np.mean(np.exp(log_weights - top))))


def draw(weights: Array, count: int, rng: np.random.Generator) -> Indices:
    """[count]: independent draws, in the order in which they were drawn."""
    return _invert(weights, rng.random(count))


def multinomial(weights: Array, rng: np.random.Generator) -> Indices:
    """N independent draws."""
    return _invert(weights, np.sort(rng.random(len(weights))))


def stratified(weights: Array, rng: np.random.Generator) -> Indices:
    """One draw in each of N equal strata."""
    n = len(weights)
    return _invert(weights, (np.arange(n) + rng.random(n)) / n)


def systematic(weights: Array, rng: np.random.Generator) -> Indices:
    """One draw for all strata: index i appears floor or ceil of N w_i times."""
    n = len(weights)
    return _invert(weights, (np.arange(n) + rng.random()) / n)


def residual(weights: Array, rng: np.random.Generator) -> Indices:
    """floor(N w_i) copies of each, the rest drawn by the remainders."""
    n = len(weights)
    expected = n * weights / weights.sum()
    # A share that is whole but for rounding is whole: 0.1 * 30 must give three copies.
    copies = np.floor(expected + 1e-9).astype(np.intp)
    left = n - int(copies.sum())
    if left:
        rest = np.maximum(expected - copies, 0)
        copies += rng.multinomial(left, rest / rest.sum())
    return np.repeat(np.arange(n), copies)


RESAMPLERS: dict[Scheme, Callable[[Array, np.random.Generator], Indices]] = {
    Scheme.MULTINOMIAL: multinomial,
    Scheme.RESIDUAL: residual,
    Scheme.STRATIFIED: stratified,
    Scheme.SYSTEMATIC: systematic,
}


def _invert(weights: Array, points: Array) -> Indices:
    """The inverse of the cumulative weights at points in [0, 1]; an index of weight zero is never drawn."""
    cumulative = np.cumsum(weights)
    # A point may round to 1, past the last index of positive weight.
    last = int(np.flatnonzero(weights)[-1])
    return np.searchsorted(cumulative / cumulative[-1], points, side="right").clip(max=last)
