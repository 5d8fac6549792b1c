"""How sure a policy is of what it writes: the mean log-probability of its last tokens (arXiv 2508.15260, section 3)."""

from collections import deque
from collections.abc import Iterable
from ctypes import c_float
from typing import NamedTuple

_UNITS = 1 << 149  # every number of single precision is a whole number of 2 ** -149


class Floor(NamedTuple):
    """A continuation is cut where the policy is less sure than this."""

    confidence: float
    """mean log-probability of a token, at most 0"""
    window: int
    """how many of its last tokens the mean is over"""


class Window:
    """The confidence of the last `size` tokens, as they come.

    Log-probabilities count in single precision, as steps keep them, and their sums are exact: the same tokens have the
    same mean whatever came before them.
    """

    def __init__(self, size: int) -> None:
        self._last, self._sum = deque[int](maxlen=size), 0

    def push(self, logprob: float) -> float | None:
        """Their mean log-probability; None until there are as many."""
        units = int(c_float(logprob).value * _UNITS)
        if len(self._last) == self._last.maxlen:
            self._sum -= self._last[0]
        self._last.append(units)
        self._sum += units
        return self.mean if len(self._last) == self._last.maxlen else None

    @property
    def mean(self) -> float:
        """Of the tokens so far, at most `size` of them; 0 where there is none."""
        return self._sum / (len(self._last) * _UNITS) if self._last else 0.0


def lowest(logprobs: Iterable[float], size: int) -> float:
    """The lowest mean of `size` tokens that follow each other; the mean of all where there are fewer."""
    window = Window(size)
    means = [mean for logprob in logprobs if (mean := window.push(logprob)) is not None]
    return min(means, default=window.mean)
