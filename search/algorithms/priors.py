"""The priors of a node's children in MCTS."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from search.algorithms.puct import logprob_prior, share_prior, uniform_prior
from search.errors import PolicyError
from search.tree import Node
from search.tree.step import Step


class Prior(StrEnum):
    SHARE = "share"
    LOGPROB = "logprob"
    UNIFORM = "uniform"


def priors(prior: Prior, children: Sequence[Node]) -> list[float]:
    """[children]: each one's prior; they sum to one."""
    if prior is Prior.LOGPROB:
        steps = [child.step for child in children if child.step is not None]
        return logprob_prior([_mean(step) for step in steps])
    counts = [child.stats.get("count", 1) for child in children]  # one for a step of a solution completed by the budget
    return share_prior(counts) if prior is Prior.SHARE else uniform_prior(counts)


def _mean(step: Step) -> float:
    """The mean log-probability of the tokens that the policy wrote; 0 where it wrote none of the step's."""
    if not step.token_ids or len(step.logprobs) != len(step.token_ids):
        raise PolicyError("prior=logprob reads log-probabilities, and the policy gives none; choose another prior")
    written = step.logprobs[step.written]
    return float(np.mean(written)) if written else 0.0
