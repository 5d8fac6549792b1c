"""Is the vote sure enough to stop? Pure functions of the weights of the answers so far."""

import math
from collections.abc import Sequence
from enum import StrEnum


class Sure(StrEnum):
    """From the votes so far to a number in [0, 1]; a search in rounds stops once it exceeds its threshold."""

    WEIGHT = "weight"
    COUNT = "count"
    ANYTIME = "anytime"


def leader_posterior(weights: Sequence[float]) -> float:
    """P(Beta(w1 + 1, w2 + 1) > 1/2) for the two heaviest answers (adaptive consistency, arXiv 2305.11860, eq. 2).

    `weights` [answers] are sums of votes or of scores in [0, 1]; 0 without an answer. It is a posterior for one look:
    a rule that looks again and again stops with a wrong leader more often than 1 minus its threshold.
    """
    if not weights:
        return 0.0
    first, second = sorted([*weights, 0.0], reverse=True)[:2]
    return 1.0 - half_beta(first + 1, second + 1)


def anytime_confidence(counts: Sequence[float]) -> float:
    """1 minus the error of naming the leader as the most probable answer, however often one looks; at least 0.

    `counts` [answers], in the order in which the answers first appeared, are of independent samples. Let c1 and c2 be
    the two highest. For each p, (2p)^c1 (2 - 2p)^c2 multiplies fair bets among the samples that said one of two
    answers, if the leader is at most as probable as the other. Its mean over p in [1/2, 1],

        E = 2^(c1 + c2 + 1) B(c1 + 1, c2 + 1) P(Beta(c1 + 1, c2 + 1) > 1/2),

    is at most 3/2 once the leader has appeared and, by Ville's inequality, ever exceeds x with probability at most
    1.5/x (as in arXiv 2510.17472). The k-th answer to appear may err with a share 1/(k (k + 1)) of the whole, so that
    the shares of all answers, of however many, sum to one. Hence the error is at most 1.5 k (k + 1) / E.
    """
    if not counts:
        return 0.0
    first, second = sorted([*counts, 0.0], reverse=True)[:2]
    log_beta = math.lgamma(first + 1) + math.lgamma(second + 1) - math.lgamma(first + second + 2)
    log_e = (first + second + 1) * math.log(2) + log_beta + math.log1p(-half_beta(first + 1, second + 1))
    place = counts.index(first) + 1
    return max(0.0, 1.0 - 1.5 * place * (place + 1) * math.exp(-log_e))


def half_beta(a: float, b: float) -> float:
    """P(Beta(a, b) < 1/2), the regularised incomplete beta function at one half, for a, b > 0 (DLMF 8.17.8)."""
    log_front = -(a + b) * math.log(2) - math.log(a) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)
    term, total, n = 1.0, 1.0, 0
    while term > 1e-16 * total:
        term *= 0.5 * (a + b + n) / (a + 1 + n)
        total, n = total + term, n + 1
    return math.exp(log_front) * total


CONFIDENCE = {Sure.WEIGHT: leader_posterior, Sure.COUNT: leader_posterior, Sure.ANYTIME: anytime_confidence}
