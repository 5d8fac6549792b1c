"""Several scorers as one: their mean, minimum, product or vote, or the cheap one first and the costly one where it is
unsure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from search.errors import KindError, KnobError, check_knob
from search.parts import Parts, parts
from search.protocols import Policy, Scored, Scorer, joined, reads_logprobs, worst_case
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.scores import Kind, check_scores
from search.tree.step import Step

Array = NDArray[np.float64]


class Combine(StrEnum):
    """How the members' scores of a step become one."""

    MEAN = "mean"
    MIN = "min"
    PRODUCT = "product"
    VOTE = "vote"  # the share of members that put it above a half; a half itself is half a vote
    TIERED = "tiered"  # the first member's, where that is unsure the second's, and so on


_COMBINE: dict[Combine, Callable[[Array], Array]] = {
    Combine.MEAN: lambda scores_MS: scores_MS.mean(0),
    Combine.MIN: lambda scores_MS: scores_MS.min(0),
    Combine.PRODUCT: lambda scores_MS: scores_MS.prod(0),
    Combine.VOTE: lambda scores_MS: ((np.sign(scores_MS - 0.5) + 1) / 2).mean(0),
}


@dataclass(frozen=True)
class Ensemble:
    """Members that judge steps, brought to one scale: probabilities as they are, increments by sigmoid(x / unit).

    Raises KindError for a member that only orders steps or only judges whole solutions.
    """

    of: tuple[Scorer, ...]
    rule: Combine = Combine.MEAN
    low: float = 0.2
    """tiered: a score at or below is sure"""
    high: float = 0.8
    """tiered: a score at or above is sure"""
    unit: float = 1.0
    """an increment of an additive member that makes the odds e to one; its typical size"""

    kind = Kind.CORRECTNESS

    def __post_init__(self) -> None:
        if len(self.of) < 2:
            raise KnobError(f"scorer.members: an ensemble has two members or more, not {len(self.of)}")
        check_knob(self, "low", least=0, most=self.high)
        check_knob(self, "high", most=1)
        check_knob(self, "unit", above=0)
        for member in self.of:
            if member.kind in (Kind.RANKING, Kind.OUTCOME):
                raise KindError(f"{type(member).__name__} is of kind {member.kind}; an ensemble takes scores of steps")
        if len({self._reads_thoughts(member) for member in self.of}) > 1:
            raise KnobError("scorer.members: some read thoughts and some do not; give all of them the same thoughts=")

    @staticmethod
    def _reads_thoughts(member: Scorer) -> bool:
        return bool(getattr(member, "thoughts", False))

    @property
    def thoughts(self) -> bool:
        """Whether the members read what the policy thinks before its answer."""
        return self._reads_thoughts(self.of[0])

    @property
    def reads_logprobs(self) -> bool | None:
        return reads_logprobs(*self.of)

    def with_policy(self, policy: Policy) -> "Ensemble":
        """The same members, of which each is joined to the policy that needs one."""
        return replace(self, of=tuple(joined(member, policy) for member in self.of))

    def start_loading(self) -> None:
        """Begins to load the members' models; vLLM engines go on in the background."""
        self._all("start_loading")

    def load(self) -> None:
        """Loads the members' models, which would otherwise happen at the first request."""
        self._all("load")

    def _all(self, method: str) -> None:
        for member in self.of:
            if hasattr(type(member), method):
                getattr(member, method)()

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Of all members, also where only some of them are asked; None where one does not tell it."""
        costs = [worst_case(member, node, tokens) for member in self.of]
        return None if None in costs else sum((cost for cost in costs if cost is not None), NOTHING)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        with parts() as asked:
            if self.rule is Combine.TIERED:
                scores_S = await self._tiered(asked, question, steps, since)
            else:
                answers = await together(*(asked.ask(self._ask, member, question, steps, since) for member in self.of))
                scores_S = _COMBINE[self.rule](np.array([scored.scores for scored in answers]))
        return Scored(scores_S.tolist(), asked.cost, not asked.exact)

    async def _tiered(self, asked: Parts, question: str, steps: Sequence[Step], since: int) -> Array:
        """Each next member judges only the steps that are still unsure."""
        scores_S = np.full(len(steps) - since, np.nan)
        for member in self.of:
            unsure = np.isnan(scores_S) | ((scores_S > self.low) & (scores_S < self.high))
            if not unsure.any():
                break
            scored = await asked.ask(self._ask, member, question, steps, since)
            scores_S[unsure] = np.asarray(scored.scores)[unsure]
        return scores_S

    async def _ask(self, member: Scorer, question: str, steps: Sequence[Step], since: int) -> Scored:
        """A member's scores on the common scale, [S - since]. Raises ScoreError where they cannot be right."""
        scored = await member.score(question, steps, since)
        check_scores(member.kind, scored.scores, len(steps) - since)
        if member.kind is Kind.ADDITIVE:
            odds = np.asarray(scored.scores) / self.unit
            return scored._replace(scores=np.exp(-np.logaddexp(0, -odds)).tolist())
        return scored
