"""The policy's own certainty: the baseline that needs no model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.cost import Cost
from search.errors import ScoreError
from search.protocols import Scored
from search.scores import Kind
from search.step import Step


@dataclass(frozen=True)
class SelfCertainty:
    """The geometric mean of a step's token probabilities, exp(mean log p): in [0, 1], and free.

    It orders steps as their mean log-probability does. It says how sure the policy was, not whether it was right, so
    it serves as a baseline. Raises ScoreError where the policy gives no log-probabilities.
    """

    kind = Kind.CORRECTNESS

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([certainty(step) for step in steps[since:]], Cost(calls=0))


def certainty(step: Step) -> float:
    """exp(mean log p) of its tokens; 1 for a step of no tokens."""
    if step.text and not step.token_ids:
        raise ScoreError("a step has no tokens; scorer=self needs steps that a policy wrote, with log-probabilities")
    if len(step.logprobs) != len(step.token_ids):
        raise ScoreError(
            f"a step of {len(step.token_ids)} tokens has {len(step.logprobs)} log-probabilities; "
            "scorer=self needs a policy that gives one a token"
        )
    # Rounding may lift a log-probability above zero.
    return min(1.0, math.exp(math.fsum(step.logprobs) / len(step.logprobs))) if step.logprobs else 1.0
