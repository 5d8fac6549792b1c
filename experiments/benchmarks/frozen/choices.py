"""A next-token distribution, and draws from it by key."""

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_GAMMA, _MIX_1, _MIX_2, _ALL = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, (1 << 64) - 1  # SplitMix64


class Choices(NamedTuple):
    """The tokens that may come next, most likely first, and their log-probabilities, [tokens] each; `upto` is the
    cumulative probability, of which the last is 1.
    """

    ids: list[int]
    logprobs: list[float]
    upto: list[float]

    @classmethod
    def of(cls, ids: NDArray[Any], logprobs: NDArray[np.float32]) -> "Choices":
        upto = np.cumsum(np.exp(logprobs.astype(np.float64)))
        return cls(ids.tolist(), logprobs.tolist(), (upto / upto[-1]).tolist())

    def draw(self, seed: int, position: int) -> int:
        """The place of the token that the key `seed` draws at a position of its step."""
        bits = (seed + (position + 1) * _GAMMA) & _ALL
        bits = ((bits ^ (bits >> 30)) * _MIX_1) & _ALL
        bits = ((bits ^ (bits >> 27)) * _MIX_2) & _ALL
        uniform = ((bits ^ (bits >> 31)) >> 11) * 2.0**-53
        return bisect_right(self.upto, uniform)
