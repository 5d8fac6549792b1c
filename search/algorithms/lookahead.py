"""Look-ahead search: a beam that judges a step by where it leads (Snell et al., arXiv 2408.03314, section 5.2)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from search.algorithms.levels import best, extend_each, level_values, shares
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask
from search.tree import Node
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class Lookahead:
    """A beam whose candidates are judged by the value k steps further on, at temperature zero.

    level = n steps from the root
    until n candidates have finished or none is open:
        ends  = for each open candidate, up to k steps further on, greedily, scored
        kept  = the n / branch candidates whose ends have the highest values, equal ones as often as they came
        level = n continuations shared among kept; those that do not come out even go to the best
    What was looked ahead is charged and stays in the tree, but no candidate goes on from it, and a solution that it
    finished has vote weight zero once its level is judged. A policy that takes no request with a temperature samples
    instead; event `lookahead` says which. It did not pay with the shipped PRM, which sees a mistake where it is made.
    """

    n: int = 16
    """candidates a level"""
    branch: int = 4
    """about how many continuations a candidate gets that goes on: the best n / branch do, at least one"""
    ahead: int = 1
    """k: steps that are looked ahead of each candidate; all in all a level writes n (k + 1) steps"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "ahead", least=1)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.ACROSS)
        values, finished = Values(reduction_for(grow.kind, self.reduction)), 0
        grow.note("lookahead", greedy=grow.takes_ask)
        level = await grow.extend(grow.root, self.n)
        while True:
            finished += sum(node.finished for node in level)
            candidates = [node for node in level if node.open]
            if finished >= self.n or not candidates:
                return
            ends = await _look_ahead(grow, candidates, self.ahead)
            places = best(level_values(ends, grow.kind, values), max(1, self.n // self.branch))
            kept = [candidates[place] for place in places]
            grow.note("beam", kept=kept)
            level = await extend_each(grow, kept, shares(self.n, len(kept)))


async def _look_ahead(grow: Grower, nodes: Sequence[Node], steps: int) -> list[Node]:
    """[N]: where each node leads in so many greedy steps or fewer. None of these ends votes."""
    ask = Ask(temperature=0.0) if grow.takes_ask else GO_ON
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(grow.extend(node, max_steps=steps, ask=ask)) for node in nodes]
    ends = [task.result()[0] for task in tasks]
    if finished := [end for end in ends if end.finished]:
        grow.electorate(dict.fromkeys(finished, 0.0))
    return ends
