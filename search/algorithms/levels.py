"""What searchers that go level by level share: values of a level, the best of it, and its continuations."""

import asyncio
from collections.abc import Sequence

import numpy as np

from search.grow import Grower
from search.protocols import GO_ON, Ask
from search.tree import Node
from search.tree.scores import Array, Kind, Scope, Use, conversion, neutral
from search.tree.values import Values


def level_values(nodes: Sequence[Node], kind: Kind, values: Values) -> Array:
    """[N]: each node's reduced score, as design's table of kinds converts it (a ranking counts among siblings)."""
    scope, convert = conversion(kind, Use.BEAM)
    if scope is Scope.SIBLINGS:
        ranks: dict[Node, float] = {}
        for parent in dict.fromkeys(node.parent for node in nodes):
            judged = [child for child in parent.children.values() if child.birth is not None] if parent else []
            scores = np.array([known(child.score, kind) for child in judged])
            ranks |= zip(judged, convert(scores).tolist(), strict=True)
        return np.array([ranks[node] for node in nodes])
    return convert(np.array([known(values(node), kind) for node in nodes]))


def known(value: float | None, kind: Kind) -> float:
    """The value, or the neutral one for a thought, which the scorer was not asked about."""
    return neutral(kind) if value is None else value


def best(values: Array, count: int) -> list[int]:
    """[count]: places of the highest values, highest first; ties go to the earlier place."""
    return np.argsort(-values, kind="stable")[:count].tolist()


def shares(n: int, among: int) -> list[int]:
    """[among]: n in equal parts, of which the first are one larger where it does not come out even."""
    each, more = divmod(n, among)
    return [each + (place < more) for place in range(among)]


async def extend_each(
    grow: Grower, nodes: Sequence[Node], widths: Sequence[int], steps: int = 1, asks: Sequence[Ask] = ()
) -> list[Node]:
    """So many continuations of each node, all at once, in the nodes' order; none where the width is zero.

    Each has `steps` steps, or fewer where its solution ends before, and is judged once. `asks` has one for each node.
    """
    requests = zip(nodes, widths, asks or [GO_ON] * len(nodes), strict=True)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(grow.extend(node, width, steps, ask)) for node, width, ask in requests if width]
    return [child for task in tasks for child in task.result()]


async def families(grow: Grower, pairs: Sequence[tuple[Node, int]]) -> list[list[Node]]:
    """[N]: so many continuations of each node, all at once; of each as many as the budget allows."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(grow.extend(node, width)) for node, width in pairs]
    return [task.result() for task in tasks]
