"""Best-first search over steps (Koh et al., Tree Search for Language Model Agents, arXiv 2407.01476, section 3)."""

import heapq
from dataclasses import dataclass, field

from search.algorithms.levels import level_values
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Reduction, Use, conversion, reduction_for
from search.tree.values import Values


@dataclass(frozen=True)
class BestFirst:
    """Always goes on from the best open step of the whole tree.

    queue = [root]
    until n solutions have ended or `expansions` nodes were taken from the queue:
        node  = the queue's best, of equals the deeper; the root where the queue is empty
        queue += the open ones of `branch` continuations of node
    It is depth-first where values rise along a good path, and goes broad where they fall (product, min, sums of
    negative scores). It believes single scores more than the others do. One request is in flight at a time.
    """

    n: int = 16
    """solutions after which it ends, cut ones included"""
    branch: int = 4
    """continuations of a node when its turn comes; at 1 it is Best-of-N, one solution after the other"""
    expansions: int = 1000
    """most nodes that are continued, so that a search that goes broad comes to an end"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    anytime = True  # its tree tells what any smaller budget would have found
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "expansions", least=1)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.BEAM)
        values, ended = Values(reduction_for(grow.kind, self.reduction)), 0
        queue = _Queue()
        for _ in range(self.expansions):
            node = queue.pop() if queue.heap else grow.root
            children = await grow.extend(node, self.branch)
            for child, value in zip(children, level_values(children, grow.kind, values).tolist(), strict=True):
                if child.open:
                    queue.push(child, value)
                else:
                    ended += 1
            if ended >= self.n:
                return


@dataclass
class _Queue:
    """Open nodes, the best first: of the highest value, of equals the deepest, then the earliest."""

    heap: list[tuple[float, int, int, Node]] = field(default_factory=list[tuple[float, int, int, Node]])
    pushed: int = 0

    def push(self, node: Node, value: float) -> None:
        heapq.heappush(self.heap, (-value, -node.depth, self.pushed, node))
        self.pushed += 1

    def pop(self) -> Node:
        return heapq.heappop(self.heap)[-1]
