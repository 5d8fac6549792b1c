"""Step-level Monte Carlo tree search guided by a scorer (PUCT as in AlphaZero; step level as in arXiv 2501.04519)."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from search.algorithms.puct import logprob_prior, puct, share_prior, uniform_prior
from search.errors import KindError, check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Conversion, Kind, Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Values


class Prior(StrEnum):
    SHARE = "share"
    LOGPROB = "logprob"
    UNIFORM = "uniform"


class Value(StrEnum):
    SCORE = "score"
    ROLLOUT = "rollout"


class Backup(StrEnum):
    MEAN = "mean"
    MAX = "max"


@dataclass(frozen=True)
class MCTS:
    """Simulations from the root, `in_flight` of them at once.

    for each simulation:
        node  = simulate: from the root, argmax Q + c P sqrt(N) / (1 + N(a)) down to a node without children
        expand: `branch` children of node in one policy call; identical siblings merge; each child is judged
        backward: node's own value to every node above it
    A finished leaf is backed up and never expanded; a subtree in which every leaf has been visited is exhausted and
    not entered again, and the search ends early when the root is. A finished leaf votes as often as samples merged into
    it and into the nodes above it.
    """

    simulations: int = 16
    """leaves selected, expanded and backed up"""
    branch: int = 4
    """samples an expansion"""
    c_puct: float = 1.0
    """c: weight of the prior against the value"""
    prior: Prior = Prior.SHARE
    """share of the samples, softmax of the mean token log-probability, or uniform"""
    value: Value = Value.SCORE
    """a node's own value: its path's reduced score, or that of one rollout to the end"""
    backup: Backup = Backup.MEAN
    """Q of a child: mean or maximum of what was backed up through it"""
    in_flight: int = 4
    """simulations at once, kept apart by virtual loss; 1 makes the tree a function of the seed alone"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "simulations"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    anytime = True  # its tree tells what any smaller budget would have found

    def __post_init__(self) -> None:
        check_knob(self, "simulations", least=1)
        check_knob(self, "branch", least=1)
        check_knob(self, "c_puct", least=0)
        check_knob(self, "in_flight", least=1)

    async def search(self, grow: Grower) -> None:
        if grow.kind is Kind.OUTCOME and self.value is Value.SCORE:
            raise KindError("MCTS.value is score, but an outcome scorer judges no step; choose value=rollout")
        if grow.kind is Kind.RANKING and self.value is Value.ROLLOUT:
            raise KindError("MCTS.value is rollout, but a ranking compares siblings only; choose value=score")
        grow.electorate({}, repeats=True)  # its votes count samples, also where none is repeated
        run = _Run(self, grow, conversion(grow.kind, Use.MCTS), Values(reduction_for(grow.kind, self.reduction)))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.in_flight, self.simulations)):
                group.create_task(_simulations(run))


@dataclass
class _Run:
    """What one search keeps beside the tree: simulations begun, expansions and visits in flight."""

    knobs: MCTS
    grow: Grower
    conversion: Conversion
    values: Values
    begun: int = 0
    expanding: dict[Node, asyncio.Event] = field(default_factory=dict[Node, asyncio.Event])
    in_flight: dict[Node, int] = field(default_factory=dict[Node, int])
    low: float = np.inf  # over all values seen, for scores that count only relative to the tree
    high: float = -np.inf


async def _simulations(run: _Run) -> None:
    """Simulates until the number is reached or the tree is exhausted."""
    root = run.grow.root
    while run.begun < run.knobs.simulations and not _exhausted(root):
        run.begun += 1
        line = [root]
        try:
            if not await _simulate(run, line):
                run.begun -= 1
                continue
            node = line[-1]
            if node.open:
                await _expand(run, node)
            _backward(run, line, await _own_value(run, node))
        finally:
            for node in line:
                run.in_flight[node] -= 1


async def _simulate(run: _Run, line: list[Node]) -> bool:
    """Extends `line` from the root down to a node without children, leaving a virtual loss on each.

    A node that another simulation is expanding is waited for. False where that left nothing to select here.
    """
    run.in_flight[line[0]] = run.in_flight.get(line[0], 0) + 1
    while True:
        node = line[-1]
        # Again and again: whoever else waited may be the one who expands it now, where the first one was stopped.
        while node in run.expanding:
            await run.expanding[node].wait()
        expanded = _children(node)
        children = [child for child in expanded if not _exhausted(child)]
        if not children:
            return not expanded
        child = max(children, key=_bounds(run, node))
        run.in_flight[child] = run.in_flight.get(child, 0) + 1
        line.append(child)


async def _expand(run: _Run, node: Node) -> None:
    """Gives a node its children: `branch` samples, identical ones merged into the first with their count."""
    done = run.expanding[node] = asyncio.Event()
    try:
        children = await run.grow.sample(node, run.knobs.branch, merge=True)
        await run.grow.score(*children)
        for child, prior in zip(children, _priors(run.knobs.prior, children), strict=True):
            child.stats |= {"visits": 0, "prior": prior, "q": _score(run, child)}
        _elect(run, children)
    finally:
        del run.expanding[node]
        done.set()


def _elect(run: _Run, ends: list[Node]) -> None:
    """A finished leaf votes once for each sample that it stands for: the product of the counts along its path."""
    counts = {leaf: math.prod(node.stats.get("count", 1) for node in leaf.line()) for leaf in ends if leaf.finished}
    if counts:
        run.grow.electorate(counts, repeats=True)


def _priors(prior: Prior, children: list[Node]) -> list[float]:
    if prior == Prior.LOGPROB:
        steps = [child.step for child in children if child.step is not None]
        return logprob_prior([_mean(step.logprobs[step.written]) for step in steps])
    counts = [child.stats["count"] for child in children]
    return share_prior(counts) if prior == Prior.SHARE else uniform_prior(counts)


def _mean(logprobs: Sequence[float]) -> float:
    return float(np.mean(logprobs)) if logprobs else 0.0


async def _own_value(run: _Run, node: Node) -> float | None:
    """The value that a visit backs up; None for the root, which no score judges."""
    if run.knobs.value is Value.ROLLOUT and node.open:
        (leaf,) = await run.grow.sample(node, max_steps=None)
        leaf.line()[node.depth].stats["rollout"] = True
        await run.grow.score(leaf)
        _elect(run, [leaf])
        return _score(run, leaf)
    return _score(run, node)


def _score(run: _Run, node: Node) -> float | None:
    """A node's reduced score; a ranking counts among its siblings. None where the scorer gives no number."""
    value = run.values(node)
    if value is None:
        return None
    if run.conversion.scope is Scope.SIBLINGS:
        value = node.among_siblings(run.conversion.convert)
    run.low, run.high = min(run.low, value), max(run.high, value)
    return value


def _backward(run: _Run, line: list[Node], value: float | None) -> None:
    """One more visit for every node of the line, and the value into its Q."""
    for node in line:
        stats = node.stats
        stats["visits"] = stats.get("visits", 0) + 1
        if value is None:
            continue
        backed_up = stats["backed_up"] = stats.get("backed_up", 0) + 1
        before = stats["q"] if backed_up > 1 else value
        if run.knobs.backup is Backup.MAX:
            stats["q"] = max(before, value)
        else:
            stats["q"] = before + (value - before) / backed_up
    _note_exhausted(line)


def _bounds(run: _Run, node: Node) -> Callable[[Node], float]:
    """The upper bound of a child of `node`; one without a value has its parent's, or one half."""
    own, c = node.stats.get("q"), run.knobs.c_puct
    # Visits in flight count here as they do in the children; the one that is choosing does not.
    visits = node.stats.get("visits", 0) + run.in_flight[node] - 1

    def bound(child: Node) -> float:
        stats = child.stats
        q = own if stats["q"] is None else stats["q"]
        if q is not None and run.conversion.scope is Scope.ALL:
            q = (q - run.low) / (run.high - run.low) if run.high > run.low else None
        flying = run.in_flight.get(child, 0)
        return puct(0.5 if q is None else q, stats["prior"], stats["visits"], flying, visits, c)

    return bound


def _children(node: Node) -> list[Node]:
    """The children to select among: those of an expansion, not the first step of a rollout."""
    return [child for child in node.children.values() if "prior" in child.stats]


def _exhausted(node: Node) -> bool:
    return bool(node.stats.get("exhausted"))


def _note_exhausted(line: list[Node]) -> None:
    for node in reversed(line):
        children = _children(node)
        if node.open and not (children and all(map(_exhausted, children))):
            return
        node.stats["exhausted"] = True
