"""AB-MCTS-A: tree search that decides by Thompson sampling whether to go wider or deeper (arXiv 2503.04412).

The paper's node aggregation (its section 3.3), whose nodes are whole answers, over steps instead.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search.algorithms.thompson import DRAWS, Posterior, Seen
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Range, Values


@dataclass(frozen=True)
class ABMCTS:
    """Simulations from the root down to a leaf, one after the other; none of them has a fixed width.

    for each simulation:
        node = root
        while node is open:
            wider, deeper = draws of the mean value: of leaves behind node's new samples, of those behind its children
            if node has no child, or wider > deeper:
                node = one more sample of node's next step, or the sibling of equal text with its count + 1
            else:
                node = argmax of a draw of the mean value of the leaves behind each child
        backward: the leaf's value to what was chosen at every node above it
    Draws come from posteriors of the values seen so far. A leaf votes with its visits. It does not take ranks.

    For problems where it is unknown whether new attempts or a closer look at the old ones pay. It did not pay here: 64
    simulations cost twice the tokens of MCTS, which is above it per token.
    """

    simulations: int = 16
    """simulations from the root to a leaf; some of them revisit steps that are known and cost nothing"""
    posterior: Posterior = Posterior.BETA
    """of the mean value: beta, or gaussian"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "simulations"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    anytime = True  # its tree tells what any smaller budget would have found
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "simulations", least=1)

    async def search(self, grow: Grower) -> None:
        run = _Run(
            self, grow, conversion(grow.kind, Use.LEAVES).scope, Values(reduction_for(grow.kind, self.reduction))
        )
        for leaf in grow.tree.leaves():  # of an earlier search of this tree
            run.seen.saw(run.values(leaf))
        grow.electorate({})  # its tree carries vote weights, also before the first leaf
        for _ in range(self.simulations):
            await _simulate(run)
            await asyncio.sleep(0)  # a simulation that draws nothing must not keep other searches waiting


@dataclass
class _Run:
    """What one search keeps beside the tree."""

    knobs: ABMCTS
    grow: Grower
    scope: Scope
    values: Values
    seen: Range = field(default_factory=Range)

    def draw(self, node: Node, name: str, rng: np.random.Generator) -> float:
        """A mean value, of those that the node keeps under this name."""
        seen = Seen(*node.stats.get(name, ()))
        if seen.number and self.scope is Scope.ALL:
            seen = seen.scaled(self.seen.low, self.seen.high)
        return DRAWS[self.knobs.posterior](seen, rng)


async def _simulate(run: _Run) -> None:
    rng = run.grow.rng("simulation", run.grow.root.stats.get("visits", 0))
    line, choices = [run.grow.root], list[str]()
    while (node := line[-1]).open:
        children = [child for child in node.children.values() if child.birth is not None]
        if not children or run.draw(node, "wider", rng) > run.draw(node, "deeper", rng):
            choices.append("wider")
            (child,) = await run.grow.sample(node, merge=True)
            await run.grow.score(child)
        else:
            choices.append("deeper")
            draws = [run.draw(child, "behind", rng) for child in children]
            child = children[draws.index(max(draws))]
        line.append(child)
    _backward(run, line, choices)


def _backward(run: _Run, line: Sequence[Node], choices: Sequence[str]) -> None:
    """One more visit for every node of the line, the leaf's value to each choice, and the leaf's vote."""
    leaf = line[-1]
    value = run.values(leaf)
    run.seen.saw(value)
    for node, choice in zip(line, [*choices, ""], strict=True):
        node.stats["visits"] = node.stats.get("visits", 0) + 1
        if value is None:  # a leaf that was cut, under a scorer of finished solutions
            continue
        for name in ["behind"] * bool(node.depth) + [choice] * node.open:
            node.stats[name] = list(Seen(*node.stats.get(name, ())).and_also(value))
    if leaf.finished:
        run.grow.electorate({leaf: leaf.stats["visits"]})
