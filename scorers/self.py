"""The policy's own certainty: the baseline that needs no model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.cost import Cost
from search.protocols import Scored
from search.scores import Kind
from search.step import Step


@dataclass(frozen=True)
class SelfCertainty:
    """The geometric mean of a step's token probabilities, exp(mean log p): in [0, 1], and free.

    It orders steps as their mean log-probability does. It says how sure the policy was, not whether it was right, so
    it serves as a baseline.
    """

    kind = Kind.CORRECTNESS

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        scores = [math.exp(math.fsum(s.logprobs) / len(s.logprobs)) if s.logprobs else 1.0 for s in steps[since:]]
        return Scored([min(1.0, score) for score in scores], Cost(calls=0))
