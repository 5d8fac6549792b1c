"""Step-level beam search over a scorer's values (arXiv 2408.03314, section 5.2)."""

from dataclasses import dataclass
from functools import cached_property

from search.algorithms.actions import Actions, extend_typed, read_actions
from search.algorithms.levels import best, level_values, shares
from search.errors import KnobError, check_knob
from search.grow import Grower
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class Beam:
    """n candidates a level; the best n / branch unfinished ones share the n candidates of the next level.

    level = n steps from the root
    until n candidates have finished or none is open:
        kept  = best n / branch of the level's open candidates, equal ones as often as they came
        level = n continuations shared among kept; those that do not come out even go to the best
    Levels are barriers: a level is judged whole before the next begins. Ties go to the earlier candidate of a level.
    A candidate is `every` steps, which the scorer reads in one request: from as many as a solution has, it is Best-of-N
    (granularity of verification: Chen et al., arXiv 2505.11730).
    """

    n: int = 16
    """candidates a level"""
    branch: int = 4
    """about how many continuations a candidate gets that goes on: the best n / branch do, at least one"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""
    every: int = 1
    """g: steps of a candidate, after which the scorer is asked and the level chosen from"""
    actions: str | None = None
    """a file of typed actions, {"name": "...", "prompt": "...", "after": [...]} a line, that candidates take in turn"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "every", least=1)
        if self.typed and self.every > 1:
            raise KnobError("Beam.actions: a candidate of several steps would take one action for all; leave out every")

    @cached_property
    def typed(self) -> Actions | None:
        """The actions of the file. Raises KnobError where it cannot be read."""
        return None if self.actions is None else read_actions(self.actions)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values, finished = Values(reduction_for(grow.kind, self.reduction)), 0
        level = await extend_typed(grow, [grow.root], [self.n], self.every, self.typed)
        while True:
            finished += sum(node.finished for node in level)
            candidates = [node for node in level if node.open]
            if finished >= self.n or not candidates:
                return
            places = best(level_values(candidates, grow.kind, values), max(1, self.n // self.branch))
            kept = [candidates[place] for place in places]
            grow.note("beam", kept=kept)
            level = await extend_typed(grow, kept, shares(self.n, len(kept)), self.every, self.typed)
