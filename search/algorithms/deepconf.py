"""Deep Think with Confidence: solutions of which the policy is unsure are stopped as they are written (2508.15260)."""

import asyncio
import math
from dataclasses import dataclass

from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask
from search.tree import Node
from search.tree.confidence import Floor, lowest


@dataclass(frozen=True)
class DeepConf:
    """Votes of those solutions alone of which the policy was sure throughout, and no more of the others than it takes.

    c(solution) = the lowest mean log-probability of `window` tokens that follow each other
    warm-up:  `warmup` whole solutions;  floor = the least c among the surest of them, a share `keep`
    then:     n - warmup more, each of which is cut where the mean of its last `window` tokens falls below the floor
    Solutions with c >= floor vote, each with weight exp(c - floor); those below it and those that were cut do not. The
    scorer judges the warm-up, and of what follows only the solutions that came to their end.

    The paper reads confidence from the 20 likeliest tokens of each place; engines here tell that of the drawn one. Its
    stop once the vote is sure is `again` (`search=again search.inner=deepconf`). A policy that takes no requests writes
    all solutions to their end, and they are only filtered; event `deepconf` says so.

    For a policy that thinks long and is often lost on the way. Tokens per answer fall; accuracy gains where its
    confidence tells right from wrong.
    """

    n: int = 16
    """solutions, those of the warm-up included"""
    warmup: int = 4
    """whole solutions that set the floor; the paper's 16 of 512"""
    keep: float = 0.9
    """share of the warm-up that is sure enough: the paper's 0.9 (high) or, for fewer tokens, 0.1 (low)"""
    window: int = 64
    """tokens of a mean; the paper's 2,048, for thoughts of tens of thousands. A shorter solution is one window"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = True

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "warmup", least=1)
        check_knob(self, "keep", above=0, most=1)
        check_knob(self, "window", least=1)

    async def search(self, grow: Grower) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(grow.extend(grow.root, max_steps=None)) for _ in range(min(self.warmup, self.n))]
        first = [node for task in tasks for node in task.result()]
        surest = sorted(map(self.confidence, first), reverse=True)
        floor = surest[math.ceil(self.keep * len(first) - 1e-9) - 1]
        grow.note("deepconf", floor=floor, stops=grow.takes_ask)
        self._vote(grow, first, floor)
        ask = Ask(floor=Floor(floor, self.window)) if grow.takes_ask else GO_ON
        async with asyncio.TaskGroup() as group:
            more = [group.create_task(_to_its_end(grow, ask)) for _ in range(self.n - len(first))]
        self._vote(grow, [task.result() for task in more], floor)

    def confidence(self, node: Node) -> float:
        """c of a path: the lowest mean log-probability of `window` tokens of the policy's."""
        return lowest([logprob for step in node.steps() for logprob in step.logprobs[step.written]], self.window)

    def _vote(self, grow: Grower, nodes: list[Node], floor: float) -> None:
        margins = {node: self.confidence(node) - floor for node in nodes if node.finished}
        if margins:
            grow.electorate({node: math.exp(margin) if margin >= 0 else 0.0 for node, margin in margins.items()})


async def _to_its_end(grow: Grower, ask: Ask) -> Node:
    """One solution, which is judged if it was not cut."""
    (node,) = await grow.sample(grow.root, 1, None, ask=ask)
    if node.finished:
        await grow.score(node)
    else:
        grow.unjudged(node)
    return node
