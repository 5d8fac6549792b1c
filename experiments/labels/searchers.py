"""The searchers that label: completions from every prefix, from those of a bisection, and a model's verdicts."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from experiments.labels.prefixes import Prefixes, said
from search.grow import Grower
from search.protocols import Scored
from search.tree import Node
from search.tree.scores import Kind

Right = Callable[[Node], bool]


class Unjudged:
    """The scorer of searches that judge nothing."""

    kind = Kind.VALUE

    async def score(self, question: str, steps: object, since: int) -> Scored:
        raise RuntimeError("completions are not judged")


@dataclass(frozen=True)
class MonteCarlo:
    """k completions from every prefix (Math-Shepherd, arXiv 2312.08935).

    for each step that is not a solution's last: sample k completions of the steps up to it
    """

    prefixes: Prefixes
    k: int

    scale = "k"

    async def search(self, grow: Grower) -> None:
        await complete(grow, (node for end in self.prefixes.ends for node in said(end) if node.open), self.k)


async def complete(grow: Grower, nodes: Iterable[Node], k: int) -> None:
    """k completions from each of the nodes, each node once, all at once."""
    async with asyncio.TaskGroup() as group:
        for node in dict.fromkeys(nodes):
            group.create_task(grow.sample(node, k, max_steps=None))


@dataclass(frozen=True)
class Binary:
    """A binary search for the first wrong step of every wrong solution (OmegaPRM, arXiv 2406.06592, section 3.2).

    low, high = the question, the last step
    while a step lies between: sample k completions of the middle one; low = it if some is right, else high = it

    It finds the first wrong step of S steps with k ceil(log2 S) completions at most, if no step after a wrong one is
    right. A prefix of a right solution is right. Solutions share the completions of a prefix that they share.
    """

    prefixes: Prefixes
    k: int
    is_right: Right

    scale = "k"

    async def search(self, grow: Grower) -> None:
        asked: dict[Node, asyncio.Task[bool]] = {}
        async with asyncio.TaskGroup() as group:

            def can_end_right(node: Node) -> asyncio.Task[bool]:
                if node not in asked:
                    asked[node] = group.create_task(self._can_end_right(grow, node))
                return asked[node]

            for end in self.prefixes.ends:
                if end not in self.prefixes.right:
                    group.create_task(self._bisect(end, can_end_right))

    async def _bisect(self, end: Node, can_end_right: Callable[[Node], "asyncio.Task[bool]"]) -> None:
        line = said(end)
        low, high = -1, len(line) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await can_end_right(line[middle]) else (low, middle)

    async def _can_end_right(self, grow: Grower, node: Node) -> bool:
        if node in self.prefixes.right_below:
            return True
        ends = await grow.sample(node, self.k, max_steps=None)
        return any([await asyncio.to_thread(self.is_right, end) for end in ends])


@dataclass(frozen=True)
class Verdicts:
    """The scorer's number for every step of every solution."""

    prefixes: Prefixes

    scale = "solutions"
    solutions: int = 1

    async def search(self, grow: Grower) -> None:
        await grow.score(*self.prefixes.ends)
