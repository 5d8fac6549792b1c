"""A batch function for the tests of the queue, and many requests at once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from policies.engines.batching import Batcher, Ticket


class Machine:
    """Doubles numbers and remembers its batches; calls `before` with each batch first."""

    def __init__(self, before: Callable[[list[int]], Any] = lambda items: None) -> None:
        self.batches: list[list[int]] = []
        self.before = before

    def __call__(self, tickets: Sequence[Ticket[int]]) -> list[int]:
        items = [ticket.item for ticket in tickets]
        self.batches.append(items)
        self.before(items)
        return [2 * item for item in items]


async def ask_all(batcher: Batcher[int, int], items: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*(batcher(item) for item in items), return_exceptions=True)
