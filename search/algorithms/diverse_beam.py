"""Diverse beam search over steps (Vijayakumar et al., arXiv 1610.02424, Algorithm 1, with Hamming diversity)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.algorithms.levels import best, extend_each, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class DiverseBeam:
    """Beams that take turns at each level: a step that one of them chooses counts less for those after it.

    for each of `groups` beams, which share n:  level = its share of steps from the root
    while some beam has open candidates, and has finished fewer than its share:
        for each such beam, one after the other:
            value = a candidate's own - strength x how many that the beams before it keep of this level have its text
            kept  = best of its candidates by value, its share / branch of them, equal ones as often as they came
        for each such beam, all at once:  level = its share of continuations of kept
    The text is that of the step alone, whatever came before it. One group is a beam; with strength 0 the beams know
    nothing of each other.
    """

    n: int = 16
    """candidates a level, over all groups"""
    branch: int = 4
    """about how many continuations a candidate gets that goes on"""
    groups: int = 4
    """beams, at most n"""
    strength: float = 0.1
    """lambda: what a candidate loses for each earlier choice of its text, in units of the values"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "groups", least=1)
        check_knob(self, "strength", least=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values = Values(reduction_for(grow.kind, self.reduction))
        beams = [_Beam(width) for width in shares(self.n, min(self.groups, self.n))]
        level = await grow.extend(grow.root, self.n)
        while True:
            for beam in beams:
                beam.take(level[: beam.width])
                level = level[beam.width :]
            beams = [beam for beam in beams if beam.candidates and beam.finished < beam.width]
            if not beams:
                return
            kept, widths = list[Node](), list[int]()
            for beam, nodes in zip(beams, self._choose(grow, beams, values), strict=True):
                kept += nodes
                widths += shares(beam.width, len(nodes))
            grow.note("beam", kept=kept)
            level = await extend_each(grow, kept, widths)

    def _choose(self, grow: Grower, beams: Sequence["_Beam"], values: Values) -> list[list[Node]]:
        """What each beam keeps, in turn."""
        chosen, kept = Counter[str](), list[list[Node]]()
        for beam in beams:
            earlier = np.array([chosen[_text(node)] for node in beam.candidates])
            worth = level_values(beam.candidates, grow.kind, values) - self.strength * earlier
            kept.append([beam.candidates[place] for place in best(worth, max(1, beam.width // self.branch))])
            chosen.update(map(_text, kept[-1]))
        return kept


@dataclass
class _Beam:
    """One group: how many candidates a level it has, its open ones, and how many have finished."""

    width: int
    candidates: Sequence[Node] = ()
    finished: int = 0

    def take(self, level: Sequence[Node]) -> None:
        self.finished += sum(node.finished for node in level)
        self.candidates = [node for node in level if node.open]


def _text(node: Node) -> str:
    return node.step.text if node.step else ""
