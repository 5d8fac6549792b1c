"""Refinement of solutions by the policy's own critique of them (Self-Refine, Madaan et al., arXiv 2303.17651)."""

from dataclasses import dataclass

from search.algorithms.aggregates import only_vote, remarks, solutions
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask

CRITIQUE = (
    "Do not solve the problem again. Check the solution above step by step, and say which step is wrong and why, or "
    "that all are right."
)
REFINE = "Solution 2 above is a critique of Solution 1. Take it into account, and write one correct solution."


@dataclass(frozen=True)
class Refinement:
    """n solutions, each of which is criticised and written again, round after round.

    for each of n solutions that finish, all at once, `rounds` times:
        critique = what the policy says of it when it is told `critique`; it is not judged and does not vote
        solution = a new one, written from the question, the old one, its critique and `refine`
    Where a new one does not finish, the old one stays. The last solutions vote, and nothing else. It needs a policy
    that sees its own mistakes; where it does not, Best-of-N of the same cost is better.
    """

    n: int = 4
    """solutions that are refined"""
    rounds: int = 1
    """times that each is criticised and written again; at 0 it is Best-of-N"""
    critique: str = CRITIQUE
    """what the policy is told to do with a solution"""
    refine: str = REFINE
    """what the policy is told to do with a solution and its critique"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "rounds", least=0)

    async def search(self, grow: Grower) -> None:
        latest = await solutions(grow, [GO_ON] * self.n)
        for _ in range(self.rounds):
            if not latest:
                return
            only_vote(grow, latest)
            asked = [Ask(action="critique", hint=self.critique, sources=(old,)) for old in latest]
            critiques = await remarks(grow, asked)
            pairs = [pair for pair in zip(latest, critiques, strict=True) if pair[1].text().strip()]
            if not pairs:
                return
            renewed = await solutions(grow, [Ask(action="refine", hint=self.refine, sources=pair) for pair in pairs])
            written_from = {node.sources[0] for node in renewed}
            latest = [old for old in latest if old.path not in written_from] + renewed
        only_vote(grow, latest)
