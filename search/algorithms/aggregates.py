"""What searchers share that make new solutions from old ones: several requests at once, who is read, and who votes."""

import asyncio
from collections.abc import Sequence

import numpy as np

from search.grow import Grower
from search.protocols import Ask
from search.tree import Node


async def solutions(grow: Grower, asks: Sequence[Ask]) -> list[Node]:
    """A solution of the question for each request, all at once, judged; those that finished."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(grow.extend(grow.root, 1, None, ask)) for ask in asks]
    return [node for task in tasks for node in task.result() if node.finished and node.text().strip()]


async def remarks(grow: Grower, asks: Sequence[Ask]) -> list[Node]:
    """A text about solutions for each request, all at once, [N]: no scorer judges it, and it never votes."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(grow.sample(grow.root, 1, None, ask=ask)) for ask in asks]
    nodes = [node for task in tasks for node in task.result()]
    grow.unjudged(*nodes)
    return nodes


def draw(nodes: Sequence[Node], k: int, rng: np.random.Generator) -> tuple[Node, ...]:
    """k of the nodes in random order, without replacement; all where there are fewer."""
    places: list[int] = rng.choice(len(nodes), min(k, len(nodes)), replace=False).tolist()
    return tuple(nodes[place] for place in places)


def only_vote(grow: Grower, nodes: Sequence[Node]) -> None:
    """These vote, with equal weights, and nothing else does until others are named."""
    grow.electorate(dict.fromkeys(nodes, 1.0), whole=True)
