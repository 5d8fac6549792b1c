"""MCTS kernels: the upper bound of a child, and priors of all children.

PUCT (Silver et al. 2017, Methods, "Select"): argmax Q(a) + c P(a) sqrt(N) / (1 + N(a)).
"""

import math
from collections.abc import Sequence

import numpy as np

from search.tree.scores import softmax


def puct(q: float, prior: float, visits: int, parent_visits: int, c: float) -> float:
    """A child's upper bound; visits are those that have ended and those in flight.

    `q` in [0, 1] is the mean or maximum of the values backed up by those that have ended, its own value where none has.
    Those in flight are thus taken for as good as the others (WU-UCT, arXiv 1810.11755), where a virtual loss would take
    them for 0 and spread the visits, which vote, over children that are worse.
    """
    return q + c * prior * math.sqrt(parent_visits) / (1 + visits)


def share_prior(counts: Sequence[int]) -> list[float]:
    """[branch]: the share of the samples that were this child."""
    total = sum(counts)
    return [count / total for count in counts]


def logprob_prior(mean_logprobs: Sequence[float]) -> list[float]:
    """[branch]: softmax of the mean token log-probability."""
    return softmax(np.array(mean_logprobs, dtype=np.float64)).tolist()


def uniform_prior(counts: Sequence[int]) -> list[float]:
    return [1 / len(counts)] * len(counts)
