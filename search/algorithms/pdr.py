"""Parallel drafts, distilled and refined: what many drafts found goes into the next ones' prompt (arXiv 2510.01123)."""

from dataclasses import dataclass

from search.algorithms.aggregates import only_vote, remarks, solutions
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask

DISTIL = (
    "Do not solve the problem again. Say in a few sentences what the solutions above agree on, where they differ, "
    "which of their steps are wrong, and what a correct solution should do."
)
REFINE = "The notes above are about earlier attempts. Use them to write one correct and complete solution."


@dataclass(frozen=True)
class PDR:
    """Drafts, a short summary of them, and drafts that know the summary, round after round.

    drafts = n solutions of the question
    for each of `rounds` rounds, while a draft has finished:
        notes  = what the policy says of all drafts when it is told `distil`; it is not judged and does not vote
        drafts = n solutions, each of which is written from the question, the notes and `refine`
    The last drafts vote, and nothing else. The context holds n drafts beside the question once a round, and notes only
    for the rest.
    """

    n: int = 8
    """drafts a round"""
    rounds: int = 1
    """times that drafts are distilled and refined; at 0 it is Best-of-N"""
    distil: str = DISTIL
    """what the policy is told to do with the drafts"""
    refine: str = REFINE
    """what the policy is told to do with the notes"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "rounds", least=0)

    async def search(self, grow: Grower) -> None:
        drafts = await solutions(grow, [GO_ON] * self.n)
        for _ in range(self.rounds):
            if not drafts:
                return
            only_vote(grow, drafts)
            notes = await remarks(grow, [Ask(action="distil", hint=self.distil, sources=tuple(drafts))])
            if not notes or not notes[0].text().strip():
                return
            told = Ask(action="refine", hint=self.refine, sources=(notes[0],))
            drafts = await solutions(grow, [told] * self.n) or drafts
        only_vote(grow, drafts)
