"""A search in rounds that stops when the vote is sure (adaptive consistency, arXiv 2305.11860, of any searcher)."""

import asyncio
import math
from dataclasses import dataclass, field

import numpy as np

from search.algorithms.rebase import Rebase
from search.answers.voters import Voters
from search.errors import check_knob
from search.grow import Grower
from search.protocols import reads_logprobs
from search.solve import Searcher
from search.stopping import CONFIDENCE, Sure
from search.tree import Tree
from search.tree.scores import Kind, Reduction, Use, allows, conversion, reduction_for


@dataclass(frozen=True)
class Again:
    """Repeats a searcher on one tree, until the vote is sure.

    for round in 1..times:
        inner.search: new continuations of the same root, with random draws of their own
        stop if confidence(votes of all finished leaves) > sure
    Nothing is cancelled, so that nothing is written in vain. MCTS is not begun anew: it goes on with its visits. Under
    `weight`, a leaf's vote is its score in [0, 1] as in a weighted vote; under a scorer of increments or ranks, one.
    """

    inner: Searcher = field(default_factory=lambda: Rebase(n=8))
    """the searcher of a round"""
    times: int = 8
    """most rounds"""
    sure: float = 0.95
    """stop once the confidence exceeds this; 1 never stops early"""
    rule: Sure = Sure.WEIGHT
    """weight: posterior of the leader by summed scores; count: by leaves; anytime: by leaves, valid at every look"""

    scale = "times"  # the knob that a list of budgets sets
    anytime = True  # its tree tells what fewer rounds would have found

    def __post_init__(self) -> None:
        check_knob(self, "times", least=1)
        check_knob(self, "sure", least=0, most=1)

    @property
    def reads_logprobs(self) -> bool | None:
        return reads_logprobs(self.inner)

    @property
    def populations(self) -> bool:
        return getattr(self.inner, "populations", True)

    @property
    def reduction(self) -> Reduction | None:
        return getattr(self.inner, "reduction", None)

    async def search(self, grow: Grower) -> None:
        for number in range(self.times):
            if number:
                grow.next_round()
            await self.inner.search(grow)
            confidence = await asyncio.to_thread(self.confidence, grow.tree)
            grow.note("round", number=number, confidence=confidence)
            if confidence > self.sure:
                return

    def confidence(self, tree: Tree) -> float:
        """How sure the vote is of the finished leaves that have one, each of which counts once, whatever its weight.

        Blocks while answers are compared; those of earlier rounds are not read again.
        """
        voters = Voters(tree)
        votes = np.ones(len(voters.places))
        weighed = self.rule is Sure.WEIGHT and len(votes) > 0
        if weighed and tree.kind is not Kind.ADDITIVE and allows(tree.kind, Use.VOTE):
            votes = conversion(tree.kind, Use.VOTE).convert(voters.values(reduction_for(tree.kind, None)))
        return CONFIDENCE[self.rule]([math.fsum(votes[members]) for members in voters.groups])
