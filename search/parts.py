"""A request to a policy or a scorer that is made of several: what they cost together, also where it is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from search.protocols import Extension, Scored, Stopped
from search.tree.cost import NOTHING

T = TypeVar("T", Extension, Scored)


class Parts:
    """Adds up what the parts of one request cost."""

    def __init__(self) -> None:
        self.cost, self.exact = NOTHING, True

    async def ask(self, part: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """The response of one part."""
        try:
            response = await part(*arguments)
        except asyncio.CancelledError as stopped:
            if isinstance(stopped, Stopped):
                self.cost += stopped.cost
            self.exact &= isinstance(stopped, Stopped) and not stopped.at_least
            raise
        self.cost += response.cost
        self.exact &= not response.at_least
        return response


@contextmanager
def parts() -> Generator[Parts]:
    """Raises Stopped, with the cost of all parts, where the request is cancelled."""
    all_parts = Parts()
    try:
        yield all_parts
    except asyncio.CancelledError:
        raise Stopped(all_parts.cost, at_least=not all_parts.exact) from None
