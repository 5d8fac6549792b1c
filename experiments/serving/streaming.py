"""Answers whose client may leave: its search then ends at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from experiments.serving.searching import Search

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Gone(Exception):
    """The client has closed the connection."""


@asynccontextmanager
async def attended(search: Search, receive: Any) -> AsyncGenerator[Callable[[float | None], Any]]:
    """Yields a wait for the search of at most so many seconds (None: any time), which returns whether it is done.

    The wait raises Gone once the client has left. At the end of the block nothing of the search is left.
    """
    gone = asyncio.create_task(_gone(receive))

    async def wait(seconds: float | None) -> bool:
        await asyncio.wait({search.task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if search.task.done():
            return True
        if gone.done():
            raise Gone
        return False

    try:
        yield wait
    finally:
        gone.cancel()
        await search.end()


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Server-sent events about a search. The search ends with the response, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, search: Search, events: Callable[[Any], AsyncGenerator[bytes]]) -> None:
        """`events` is called with the wait of `attended`."""
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._search, self._events = search, events

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with attended(self._search, receive) as wait:
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for part in self._events(wait):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            except (Gone, OSError):
                return


async def whole(search: Search, request: Request) -> bool:
    """Waits for the search to its end; False where the client has left before."""
    async with attended(search, request.receive) as wait:
        try:
            await wait(None)
        except Gone:
            return False
        return True
