"""What Thompson sampling draws: the mean of the values seen so far, from its posterior (arXiv 2503.04412).

The priors are the paper's: beta(1/2, 1/2), and a normal of unknown mean and variance with m = 0, kappa = 1, nu = 1,
tau^2 = 0.1. `seen` is how many values there are, their mean and their variance; values lie in [0, 1].
"""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import numpy as np


class Posterior(StrEnum):
    GAUSSIAN = "gaussian"
    BETA = "beta"


class Seen(NamedTuple):
    """Values so far: their number, mean and (biased) variance."""

    number: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def and_also(self, value: float) -> "Seen":
        number, off = self.number + 1, value - self.mean
        mean = self.mean + off / number
        return Seen(number, mean, self.variance + (off * (value - mean) - self.variance) / number)

    def scaled(self, low: float, high: float) -> "Seen":
        """The same of (value - low) / (high - low), and of 1/2 where all values are equal."""
        width = high - low
        return (
            Seen(self.number, (self.mean - low) / width, self.variance / width**2)
            if width > 0
            else Seen(self.number, 0.5)
        )


def beta(seen: Seen, rng: np.random.Generator) -> float:
    """From beta(1/2 + sum, 1/2 + count - sum)."""
    total = min(max(seen.number * seen.mean, 0.0), float(seen.number))  # rounding may leave the range
    return float(rng.beta(0.5 + total, 0.5 + seen.number - total))


def gaussian(seen: Seen, rng: np.random.Generator) -> float:
    """From the normal-inverse-chi^2 posterior: a Student t of 1 + count degrees of freedom around its mean."""
    kappa, nu = 1.0 + seen.number, 1.0 + seen.number
    mean = seen.number * seen.mean / kappa
    tau2 = (0.1 + seen.number * seen.variance + seen.number / kappa * seen.mean**2) / nu
    variance = nu * tau2 / rng.chisquare(nu)
    return float(rng.normal(mean, math.sqrt(variance / kappa)))


DRAWS: dict[Posterior, Callable[[Seen, np.random.Generator], float]] = {
    Posterior.GAUSSIAN: gaussian,
    Posterior.BETA: beta,
}
