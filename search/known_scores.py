"""The scores that one search knows: each prefix is asked for once, and equal paths share what was answered."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from search.tree import Node
from search.tree.step import Step


class Prefix:
    """A path's first steps, as one node of a trie: `answer` is what was asked about the last of them.

    None: nobody has asked; a future: the request is out; a number: the score.
    """

    __slots__ = ("answer", "longer")

    def __init__(self) -> None:
        self.answer: asyncio.Future[float] | float | None = None
        self.longer: dict[tuple[str, Sequence[int]], Prefix] | None = None

    def then(self, step: Step) -> "Prefix":
        """This prefix and one more step. Steps are the same if their texts and their tokens are."""
        if self.longer is None:
            self.longer = {}
        return self.longer.setdefault((step.text, step.token_ids), Prefix())

    @property
    def asked(self) -> bool:
        """Somebody has asked and was not cancelled."""
        return self.answer is not None and not _cancelled(self.answer)


class Ask(Protocol):
    async def __call__(self, node: Node, since: int) -> Sequence[float]:
        """The checked scores of the steps of `node`'s path from `since` on."""
        ...


class KnownScores:
    """Answers of a scorer by prefix, for one search."""

    def __init__(self, root: Node) -> None:
        self._prefixes = {root: Prefix()}

    def prefix(self, node: Node) -> Prefix:
        """The prefix that ends with the node's step; equal paths have the same one."""
        line: list[Node] = []
        while node not in self._prefixes:
            assert node.parent is not None
            line.append(node)
            node = node.parent
        prefix = self._prefixes[node]
        for below in reversed(line):
            assert below.step is not None
            prefix = self._prefixes[below] = prefix.then(below.step)
        return prefix

    async def scores(self, line: Sequence[Node], ask: Ask) -> list[float]:
        """The scores of consecutive nodes, [len(line)]; what is not known is asked for in one request."""
        prefixes = [self.prefix(node) for node in line]
        while True:
            new = next((place for place, prefix in enumerate(prefixes) if not prefix.asked), len(prefixes))
            if new < len(prefixes):
                await self._ask(prefixes[new:], ask, line[-1], line[new].depth - 1)
            # The others were asked about by somebody else. A request that was cancelled is made again.
            answers = [prefix.answer for prefix in prefixes]
            if waiting := [answer for answer in answers if isinstance(answer, asyncio.Future) and not answer.done()]:
                await asyncio.wait(waiting)
            if not any(_cancelled(answer) for answer in answers):
                return [
                    answer.result() if isinstance(answer, asyncio.Future) else float(answer or 0.0)
                    for answer in answers
                ]

    async def _ask(self, prefixes: Sequence[Prefix], ask: Ask, node: Node, since: int) -> None:
        futures = [asyncio.get_running_loop().create_future() for _ in prefixes]
        for prefix, future in zip(prefixes, futures, strict=True):
            prefix.answer = future
        try:
            scores = await ask(node, since)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        for prefix, future, score in zip(prefixes, futures, scores, strict=True):
            future.set_result(score)
            prefix.answer = score  # a number takes a tenth of a future's memory


def _cancelled(answer: asyncio.Future[float] | float | None) -> bool:
    return isinstance(answer, asyncio.Future) and answer.cancelled()
