"""The scores that one search knows: each prefix is asked for once, and equal paths share what was answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from search.tree import Node


class Prefix:
    """A path's first steps; `answer` is what was asked about the last of them.

    None: nobody has asked, or the request failed; a future: the request is out; a number: the score.
    """

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: asyncio.Future[None] | float | None = None


ReadScores = Callable[[Node, Node], Awaitable[Sequence[float]]]
"""Asks for the checked scores of the steps from a first node to a last one below it."""


class KnownScores:
    """Answers of a scorer by prefix, for one search."""

    def __init__(self, root: Node) -> None:
        self._prefixes = {root: Prefix()}
        self._longer: dict[tuple[Prefix, str, bytes], Prefix] = {}

    def prefix(self, node: Node) -> Prefix:
        """The prefix that ends with the node's step; equal paths have the same one."""
        known = self._prefixes
        for below in () if node in known else node.line(known):
            assert below.parent is not None and below.step is not None
            # Steps are the same if their texts and their tokens are.
            one_more = (known[below.parent], below.step.text, bytes(below.step.token_ids))
            prefix = self._longer.get(one_more)
            if prefix is None:
                prefix = self._longer[one_more] = Prefix()
            known[below] = prefix
        return known[node]

    async def scores(self, line: Sequence[Node], read: ReadScores) -> list[float]:
        """The scores of nodes that follow each other, [len(line)]; what is not known is asked for in one request."""
        prefixes = [self.prefix(node) for node in line]
        while True:
            answers = [prefix.answer for prefix in prefixes]
            scores = [answer for answer in answers if isinstance(answer, float)]
            if len(scores) == len(answers):
                return scores
            if None in answers:
                new = answers.index(None)
                await self._ask(prefixes[new:], read, line[new], line[-1])
            else:
                # Others have asked. A request of theirs that fails or is cancelled is made again.
                await asyncio.wait([answer for answer in answers if isinstance(answer, asyncio.Future)])

    async def _ask(self, prefixes: Sequence[Prefix], read: ReadScores, first: Node, last: Node) -> None:
        done = asyncio.get_running_loop().create_future()
        for prefix in prefixes:
            prefix.answer = done
        scores: Sequence[float] | None = None
        try:
            scores = await read(first, last)
        finally:
            for place, prefix in enumerate(prefixes):
                if prefix.answer is done:  # nobody has asked again meanwhile
                    prefix.answer = scores[place] if scores else None
            done.set_result(None)
