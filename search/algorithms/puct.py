"""MCTS kernels: PUCT selection, backup, priors. Small functions of arrays; a row is a child.

PUCT (Silver et al. 2017, Methods, "Select"): argmax Q(a) + c P(a) sqrt(N) / (1 + N(a)).
"""

import numpy as np

from search.tree.scores import Array, softmax


def puct(q: Array, prior: Array, visits: Array, in_flight: Array, parent_visits: float, c: float) -> Array:
    """[branch]: each child's upper bound. A simulation in flight counts as one visit of value zero (virtual loss).

    `q` in [0, 1] is a child's mean or maximum of backed-up values, and its own value where it is unvisited.
    """
    # An unvisited child's own value stands for one visit, so that a first virtual loss halves it.
    backed_up = np.maximum(visits, 1)
    pessimistic = q * backed_up / (backed_up + in_flight)
    return pessimistic + c * prior * np.sqrt(parent_visits) / (1 + visits + in_flight)


def share_prior(counts: Array) -> Array:
    """[branch]: the share of the samples that were this child."""
    return counts / counts.sum()


def logprob_prior(mean_logprobs: Array) -> Array:
    """[branch]: softmax of the mean token log-probability."""
    return softmax(mean_logprobs)


def uniform_prior(counts: Array) -> Array:
    return np.full_like(counts, 1 / len(counts))
