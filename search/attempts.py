"""Errors that pass: a request that met one is made again after a while, before its search fails."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from search.errors import TookTooLong, WorkerDied

T = TypeVar("T")

WAITS = (1.0, 5.0, 25.0)
"""seconds before the second, third and fourth attempt; the last error is raised"""

_STATUS = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
_NAMES = frozenset(
    (
        "OutOfMemoryError",  # torch
        "TransportError",  # httpx: time-outs and lost connections
        "Timeout",  # requests; its ConnectionError has the name of Python's own
        "ConnectionError",
        "APIConnectionError",  # openai, anthropic
        "ClientConnectionError",  # aiohttp
    )
)


async def attempt(request: Callable[[], Coroutine[Any, Any, T]], failed: Callable[[], None]) -> T:
    """The response to a request, which is made anew where an error passes; `failed` is called before each new attempt.

    Raises the last error, and at once any error that does not pass, and that of a call that took too long twice.
    """
    slow = False
    for seconds in WAITS:
        try:
            return await request()
        except Exception as error:
            if not passes(error) or (slow and isinstance(error, TookTooLong)):
                raise
            slow = isinstance(error, TookTooLong)
        # Not inside the handler: a traceback keeps what a failed batch had in memory.
        failed()
        await asyncio.sleep(seconds)
    return await request()


def passes(error: BaseException) -> bool:
    """Whether the same request may succeed later: a time-out, a lost connection, a busy server, too little memory.

    An error may say so itself: `passing`, True or False. What another was raised from counts, too.
    """
    for one in _causes(error):
        if isinstance(one, WorkerDied):
            return False
        said = getattr(one, "passing", None)
        if isinstance(said, bool):
            return said
        if isinstance(one, TimeoutError | ConnectionError | MemoryError) or _status(one) in _STATUS:
            return True
        if not _NAMES.isdisjoint(cls.__name__ for cls in type(one).__mro__):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error of the usual clients carries."""
    holders = (error, getattr(error, "response", None))
    values = (getattr(holder, name, None) for holder in holders for name in ("status_code", "status", "code"))
    return next((value for value in values if isinstance(value, int)), None)
