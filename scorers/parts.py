"""A request to a scorer that is made of several: what they cost together, also where it is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from search.protocols import Scored, Scorer, Stopped, worst_case
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.path import PathView


class Parts:
    """Adds up what the parts of one request cost."""

    def __init__(self) -> None:
        self.cost, self.exact = NOTHING, True

    async def ask(self, part: Callable[..., Coroutine[Any, Any, Scored]], *arguments: Any) -> Scored:
        """The response of one part."""
        try:
            scored = await part(*arguments)
        except asyncio.CancelledError as stopped:
            if isinstance(stopped, Stopped):
                self.cost += stopped.cost
            self.exact &= isinstance(stopped, Stopped) and not stopped.at_least
            raise
        self.cost += scored.cost
        self.exact &= not scored.at_least
        return scored


@contextmanager
def parts() -> Iterator[Parts]:
    """Raises Stopped, with the cost of all parts, where the request is cancelled."""
    all_parts = Parts()
    try:
        yield all_parts
    except asyncio.CancelledError:
        raise Stopped(all_parts.cost, at_least=not all_parts.exact) from None


def worst_case_of(scorers: Sequence[Scorer], node: Node, tokens: int) -> Cost | None:
    """The sum of the worst cases of all; None where one of them does not tell it."""
    costs = [worst_case(scorer, node, tokens) for scorer in scorers]
    return None if None in costs else sum((cost for cost in costs if cost is not None), NOTHING)


def judged(node: Node, thoughts: bool) -> int:
    """How many steps of a node's path are judged, those of its thought included or not."""
    above: Node | None = node
    while above is not None and above.parent is not None and above.birth is None:
        above = above.parent
    return 0 if above is None else len(PathView(above, thoughts))
