"""Step-level Monte Carlo tree search with progressive widening.

PUCT as in AlphaZero; progressive widening of Coulom (2007) and Couetoux et al. (2011); steps as in arXiv 2501.04519.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import numpy as np

from search.algorithms.actions import Actions, choose, read_actions
from search.algorithms.levels import known
from search.algorithms.priors import Prior, priors
from search.algorithms.puct import puct
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask
from search.tree import Node
from search.tree.scores import Conversion, Kind, Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Range, Values


class Backup(StrEnum):
    MEAN = "mean"
    MAX = "max"


_IDLE = 1000  # simulations since the last sample came, its own included, after which a search ends


@dataclass(frozen=True)
class MCTS:
    """Simulations from the root down to a leaf, `in_flight` of them at once; a visited node asks for more samples.

    for each simulation:
        node = root
        while node is open:
            if node has no child, or drawn(node) < widening sqrt(visits(node)):
                node = one more sample of node's next step, or the sibling of equal text with its count + 1
            else:
                node = argmax Q + c P sqrt(N) / (1 + N(a)) among node's children
        backward: the leaf's value to every node above it
    A search also ends where a thousand simulations in a row have drawn nothing: a policy that has little more to say is
    drawn from ever more seldom, and a budget of tokens alone would not be spent for hours.
    A step is judged at once where its depth is a multiple of `every`, the others together with the next one below that
    is, or with the leaf. With one simulation in flight that changes no choice, as values are backed up from leaves.
    A leaf votes with its visits. Q of an unvisited child is its own value, or its parent's Q where it has none. A
    ranking backs up nothing: Q is the rank among siblings.
    """

    simulations: int = 16
    """simulations from the root to a leaf; most of them revisit steps that are known and cost nothing"""
    widening: float = 1.0
    """k: a node that was visited v times has drawn about k sqrt(v) samples of its next step"""
    c_puct: float = 1.0
    """c: weight of the prior against the value"""
    prior: Prior = Prior.SHARE
    """share of the samples, softmax of the mean token log-probability, or uniform"""
    backup: Backup = Backup.MEAN
    """Q of a child: mean or maximum of what was backed up through it"""
    in_flight: int = 4
    """simulations at once, each a visit from its beginning (arXiv 1810.11755); 1: the seed alone makes the tree"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""
    every: int = 1
    """g: the scorer is asked at every g-th step of a path and at its leaf, for all that is new (arXiv 2505.11730)"""
    actions: str | None = None
    """a file of typed actions, {"name": "...", "prompt": "...", "after": [...]} a line; a new sample takes one"""

    scale = "simulations"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    anytime = True  # its tree tells what any smaller budget would have found

    def __post_init__(self) -> None:
        check_knob(self, "simulations", least=1)
        check_knob(self, "widening", above=0)
        check_knob(self, "c_puct", least=0)
        check_knob(self, "in_flight", least=1)
        check_knob(self, "every", least=1)
        _ = self.typed

    @cached_property
    def typed(self) -> Actions | None:
        """The actions of the file. Raises KnobError where it cannot be read."""
        return None if self.actions is None else read_actions(self.actions)

    @property
    def reads_logprobs(self) -> bool:
        return self.prior is Prior.LOGPROB

    async def search(self, grow: Grower) -> None:
        run = _Run(self, grow, conversion(grow.kind, Use.MCTS), Values(reduction_for(grow.kind, self.reduction)))
        for leaf in grow.tree.leaves():  # of an earlier search of this tree, whose Q are on the same scale
            run.seen.saw(run.values(leaf))
        grow.electorate({})  # its tree carries vote weights, also before the first leaf
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.in_flight, self.simulations)):
                group.create_task(_simulations(run))


@dataclass
class _Run:
    """What one search keeps beside the tree."""

    knobs: MCTS
    grow: Grower
    conversion: Conversion
    values: Values
    started: int = 0  # simulations
    drawing: int = 0  # samples that have been asked for and are not yet judged
    idle: int = 0  # simulations that have ended since the last sample came, while none was asked for
    priced: dict[Node, list[Node]] = field(default_factory=dict[Node, list[Node]])  # children with a prior
    in_flight: dict[Node, int] = field(default_factory=dict[Node, int])  # simulations below a node or at it
    seen: Range = field(default_factory=Range)

    def due(self, node: Node) -> bool:
        """Whether the scorer is asked as soon as the step is written."""
        return not node.open or node.depth % self.knobs.every == 0

    def children(self, node: Node) -> list[Node]:
        """Those that have a prior."""
        if node not in self.priced:
            self.priced[node] = [child for child in node.children.values() if "prior" in child.stats]
        return self.priced[node]


async def _simulations(run: _Run) -> None:
    while run.started < run.knobs.simulations and run.idle < _IDLE:
        run.started += 1
        line = [run.grow.root]
        try:
            await _simulate(run, line)
        finally:
            for node in line:
                run.in_flight[node] -= 1
        _backward(run, line)
        run.idle = 0 if run.drawing else run.idle + 1
        await asyncio.sleep(0)  # a simulation that draws nothing must not keep other searches waiting


async def _simulate(run: _Run, line: list[Node]) -> None:
    """Extends `line` from the root down to a leaf, and counts as in flight at each node."""
    run.in_flight[line[0]] = run.in_flight.get(line[0], 0) + 1
    while (node := line[-1]).open:
        # Visits in flight count here as they do in the children; the one that is choosing does not.
        visits = node.stats.get("visits", 0) + run.in_flight[node] - 1
        wider = node.stats.get("drawn", 0) < run.knobs.widening * math.sqrt(visits)
        if wider or not (children := run.children(node)):
            child = await _draw(run, node)
        else:
            child = _choose(run, node, children, visits)
        run.in_flight[child] = run.in_flight.get(child, 0) + 1
        line.append(child)


async def _draw(run: _Run, node: Node) -> Node:
    """One more sample of the next step, and the priors of all its siblings anew."""
    node.stats["drawn"] = node.stats.get("drawn", 0) + 1  # before it is asked for: others do not ask for it too
    run.drawing += 1
    try:
        (child,) = await run.grow.sample(node, merge=True, ask=_ask(run, node))
        if run.due(child):
            await run.grow.score(child)
    finally:
        run.drawing, run.idle = run.drawing - 1, 0
    children = [each for each in node.children.values() if each.birth is not None or not run.due(each)]
    for sibling, prior in zip(children, priors(run.knobs.prior, children), strict=True):
        sibling.stats["prior"] = prior
    run.priced[node] = children
    return child


def _ask(run: _Run, node: Node) -> Ask:
    """The action of a new sample, counted before it is asked for."""
    if run.knobs.typed is None:
        return GO_ON
    children, qs = run.children(node), dict[str, list[float]]()
    for child, q in zip(children, _qs(run, node, children), strict=True):
        qs.setdefault(child.step.action if child.step else "", []).append(q)
    drawn = node.stats.setdefault("actions", {})
    action = choose(run.knobs.typed.legal(node), drawn, qs, run.knobs.c_puct)
    drawn[action.name] = drawn.get(action.name, 0) + 1
    return action.ask


def _choose(run: _Run, node: Node, children: Sequence[Node], visits: int) -> Node:
    """The child of the highest upper bound, the first among equals."""
    bounds: list[float] = []
    for child, q in zip(children, _qs(run, node, children), strict=True):
        own = child.stats.get("visits", 0) + run.in_flight.get(child, 0)
        bounds.append(puct(q, child.stats["prior"], own, visits, run.knobs.c_puct))
    return children[bounds.index(max(bounds))]


def _qs(run: _Run, node: Node, children: Sequence[Node]) -> list[float]:
    """[children]: each one's Q in [0, 1]. A ranking counts among siblings, as they are now."""
    if run.conversion.scope is Scope.SIBLINGS:
        return run.conversion.convert(np.array([known(child.score, Kind.RANKING) for child in children])).tolist()
    return [_q(run, node, child) for child in children]


def _q(run: _Run, node: Node, child: Node) -> float:
    """The child's Q, its own value where it is unvisited, its parent's Q where it has none, or one half."""
    q = child.stats.get("q")
    if q is None and run.conversion.scope is Scope.ITSELF:
        q = run.values(child)
    if q is None:
        q = node.stats.get("q")
    if q is None:
        return 0.5
    if run.conversion.scope is Scope.ALL:
        return run.seen.share(q)
    return q


def _backward(run: _Run, line: Sequence[Node]) -> None:
    """One more visit for every node of the line, the leaf's value into its Q, and the leaf's vote."""
    leaf = line[-1]
    value = None if run.conversion.scope is Scope.SIBLINGS else run.values(leaf)
    run.seen.saw(value)
    for node in line:
        stats = node.stats
        stats["visits"] = stats.get("visits", 0) + 1
        if value is None:  # a ranking, or a leaf that was cut under a scorer of finished solutions
            continue
        backed_up = stats["backed_up"] = stats.get("backed_up", 0) + 1
        before = stats.get("q", value)
        if run.knobs.backup is Backup.MAX:
            stats["q"] = max(before, value)
        else:
            stats["q"] = before + (value - before) / backed_up
    if leaf.finished:
        run.grow.electorate({leaf: leaf.stats["visits"]})
