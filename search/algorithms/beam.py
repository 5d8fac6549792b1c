"""Step-level beam search over a scorer's values (arXiv 2408.03314, section 5.2)."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.errors import KnobError, check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Kind, Reduction, Scope, Use, conversion, reduction_for
from search.tree.values import Values

Digest = hashlib.blake2b


@dataclass(frozen=True)
class Beam:
    """n candidates a level; the best n / branch distinct unfinished ones go on, each extended `branch` ways.

    level = n steps from the root
    until n candidates have finished or none is open:
        kept  = best n / branch of the level's distinct open candidates
        level = `branch` continuations of each kept one
    Levels are barriers: a level is judged whole before the next begins.
    """

    n: int = 16
    """candidates a level, a multiple of `branch`"""
    branch: int = 4
    """continuations of each candidate that goes on; never more than n"""
    reduction: Reduction | None = None
    """from a path's scores to its value; the scorer kind's own where None"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "branch", least=1)
        if self.n % self.ways:
            raise KnobError(f"Beam.n is {self.n}; it must be a multiple of branch = {self.ways}")

    @property
    def ways(self) -> int:
        return min(self.branch, self.n)

    async def search(self, grow: Grower) -> None:
        reduction = reduction_for(grow.kind, self.reduction)
        conversion(grow.kind, Use.BEAM)
        values, candidates, places, finished = Values(reduction), {grow.root: hashlib.blake2b()}, {grow.root: 0}, 0
        level = await grow.extend(grow.root, self.n)
        while True:
            finished += sum(node.finished for node in level)
            candidates = distinct([node for node in level if node.open], candidates)
            if finished >= self.n or not candidates:
                return
            scored = beam_values(list(candidates), grow.kind, values)
            kept = best(list(candidates), scored, self.n // self.ways, places)
            places = {node: place for place, node in enumerate(sorted(kept, key=lambda node: order(node, places)))}
            grow.note("beam", kept=kept)
            level = await self._next_level(grow, kept)

    async def _next_level(self, grow: Grower, kept: Sequence[Node]) -> list[Node]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(grow.extend(node, self.ways)) for node in kept]
        return [node for task in tasks for node in task.result()]


def distinct(nodes: Sequence[Node], above: Mapping[Node, Digest]) -> dict[Node, Digest]:
    """The first of each group of nodes whose whole texts are equal, and the texts' digests. Each goes on from the
    parent's, in `above`: no text is joined, and it does not matter where its steps end.
    """
    first: dict[bytes, tuple[Node, Digest]] = {}
    for node in nodes:
        assert node.parent is not None and node.step is not None
        digest = above[node.parent].copy()
        digest.update(node.step.text.encode("utf-8", "surrogatepass"))
        first.setdefault(digest.digest(), (node, digest))
    return dict(first.values())


def best(nodes: Sequence[Node], values: Array, count: int, places: Mapping[Node, int]) -> list[Node]:
    """The `count` nodes of highest value, [count]; ties go to the lowest path. `places` are those of the parents."""
    descending: list[float] = (-values).tolist()
    ranked = sorted(range(len(nodes)), key=lambda i: (descending[i], *order(nodes[i], places)))
    return [nodes[i] for i in ranked[:count]]


def order(node: Node, places: Mapping[Node, int]) -> tuple[int, int]:
    """Orders the nodes of a level by their paths, from the places of their parents in that order."""
    assert node.parent is not None
    return places[node.parent], node.index


def beam_values(nodes: Sequence[Node], kind: Kind, values: Values) -> Array:
    """[N]: each node's reduced score, as design's table of kinds converts it (a ranking counts among siblings)."""
    scope, convert = conversion(kind, Use.BEAM)
    if scope is Scope.SIBLINGS:
        ranks: dict[Node, float] = {}
        for parent in dict.fromkeys(node.parent for node in nodes):
            judged = [child for child in parent.children.values() if child.score is not None] if parent else []
            scores = np.array([child.score for child in judged], dtype=np.float64)
            ranks |= zip(judged, convert(scores).tolist(), strict=True)
        return np.array([ranks[node] for node in nodes])
    return convert(np.array([values(node) for node in nodes], dtype=np.float64))
