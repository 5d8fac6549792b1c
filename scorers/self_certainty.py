"""The policy's own certainty: the baseline that needs no model."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from search.errors import ScoreError
from search.protocols import Scored
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.scores import Kind
from search.tree.step import Step


class Measure(StrEnum):
    """What certainty is read from; each is in [0, 1]."""

    LOGPROB = "logprob"  # the geometric mean of the tokens' probabilities, exp(mean log p)
    ENTROPY = "entropy"  # exp(-mean entropy): the inverse of how many tokens the policy wavered between
    DOMINANT = "dominant"  # the share of tokens whose probability is above a half


@dataclass(frozen=True)
class SelfCertainty:
    """How sure the policy was of a step's tokens, in [0, 1], and free.

    It says how sure the policy was, not whether it was right, so it serves as a baseline. Only the tokens that the
    policy wrote count: none that were given or observed, but its end tokens, because to end was its choice, too. A step
    without a token of the policy's has 1: nothing in it was unsure. Raises ScoreError where the policy gives no
    log-probabilities, or with `entropy` no entropies.
    """

    measure: Measure = Measure.LOGPROB
    """logprob: exp(mean log p); entropy: exp(-mean entropy); dominant: share of tokens with p above 0.5"""

    kind = Kind.CORRECTNESS
    reads_logprobs = True

    def worst_case(self, node: Node, tokens: int) -> Cost:
        return NOTHING

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        measure = _MEASURES[self.measure]
        for step in steps[since:]:
            _check(step)
        return Scored([measure(step) for step in steps[since:]], NOTHING)


def _certainty(step: Step) -> float:
    """exp(mean log p). Rounding may lift a log-probability above zero."""
    logprobs = step.logprobs[step.written]
    return min(1.0, math.exp(math.fsum(logprobs) / len(logprobs))) if logprobs else 1.0


def _inverse_entropy(step: Step) -> float:
    if step.entropy is None:
        raise ScoreError("a step has no entropies; its policy gives none: choose another scorer.measure")
    entropy = step.entropy[step.written]
    return min(1.0, math.exp(-math.fsum(entropy) / len(entropy))) if entropy else 1.0


def _dominant(step: Step) -> float:
    logprobs = step.logprobs[step.written]
    return sum(logprob > math.log(0.5) for logprob in logprobs) / len(logprobs) if logprobs else 1.0


def _check(step: Step) -> None:
    if step.text and not step.token_ids:
        raise ScoreError("a step has no tokens; scorer=self needs steps that a policy wrote, with log-probabilities")
    if len(step.logprobs) != len(step.token_ids):
        raise ScoreError(
            f"a step of {len(step.token_ids)} tokens has {len(step.logprobs)} log-probabilities; "
            "scorer=self needs a policy that gives one a token"
        )


_MEASURES: dict[Measure, Callable[[Step], float]] = {
    Measure.LOGPROB: _certainty,
    Measure.ENTROPY: _inverse_entropy,
    Measure.DOMINANT: _dominant,
}
