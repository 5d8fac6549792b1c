"""What requests may take of a budget at most, as policy and scorer tell it."""

from collections.abc import Sequence

from search.allowance import NOTHING, Amount
from search.protocols import Ask, Policy, Scorer, worst_case
from search.tree import Node
from search.tree.cost import Budget


class WorstCases:
    """The worst cases of one search's policy and scorer. FLOPs are told only under a limit on them."""

    def __init__(self, policy: Policy, scorer: Scorer, budget: Budget) -> None:
        self._policy, self._scorer = policy, scorer
        self._flops = budget.flops is not None

    def continuation(self, node: Node, max_steps: int | None, ask: Ask) -> Amount | None:
        """Of writing and judging one continuation; None where the policy, or under FLOPs the scorer, does not tell."""
        cost = worst_case(self._policy, node, max_steps, ask)
        if cost is None:
            return None
        tokens = cost.generated if ask.max_tokens is None else min(cost.generated, ask.max_tokens)
        if not self._flops:
            return Amount(1, tokens)
        judged = worst_case(self._scorer, node, tokens)
        if cost.flops is None or judged is None or judged.flops is None:
            return None
        return Amount(1, tokens, cost.flops + judged.flops)

    def judging(self, nodes: Sequence[Node]) -> Amount | None:
        """Of judging those that are not yet judged; None where FLOPs are limited and the scorer does not tell."""
        if not self._flops:
            return NOTHING
        costs = [worst_case(self._scorer, node, 0) for node in nodes if node.birth is None]
        flops = [None if cost is None else cost.flops for cost in costs]
        return None if None in flops else Amount(flops=sum(each or 0.0 for each in flops))
