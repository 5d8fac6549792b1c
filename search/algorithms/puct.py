"""MCTS kernels: the upper bound of a child, and priors of all children.

PUCT (Silver et al. 2017, Methods, "Select"): argmax Q(a) + c P(a) sqrt(N) / (1 + N(a)).
"""

import math
from collections.abc import Sequence

import numpy as np

from search.tree.scores import softmax


def puct(q: float, prior: float, visits: int, in_flight: int, parent_visits: int, c: float) -> float:
    """A child's upper bound. A simulation in flight counts as one visit of value zero (virtual loss).

    `q` in [0, 1] is its mean or maximum of backed-up values, and its own value where it is unvisited.
    """
    # An unvisited child's own value stands for one visit, so that a first virtual loss halves it.
    backed_up = visits or 1
    pessimistic = q * backed_up / (backed_up + in_flight)
    return pessimistic + c * prior * math.sqrt(parent_visits) / (1 + visits + in_flight)


def share_prior(counts: Sequence[int]) -> list[float]:
    """[branch]: the share of the samples that were this child."""
    total = sum(counts)
    return [count / total for count in counts]


def logprob_prior(mean_logprobs: Sequence[float]) -> list[float]:
    """[branch]: softmax of the mean token log-probability."""
    return softmax(np.array(mean_logprobs, dtype=np.float64)).tolist()


def uniform_prior(counts: Sequence[int]) -> list[float]:
    return [1 / len(counts)] * len(counts)
