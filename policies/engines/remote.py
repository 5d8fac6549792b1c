"""One server of `vllm serve`: whether it lives, and is what it was; requests to it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from policies.engines.connection import Lost
from policies.engines.look import Seen, Wanted, look
from policies.engines.models import ModelError
from policies.engines.requests import Busy, Gone, Requests
from policies.engines.server import Draw, Read, Rows, Written
from policies.engines.waiting import waits

T = TypeVar("T")
_LOOK = 5.0  # seconds that a server may take to say that it is well
_OFTEN = 0.5  # seconds between two looks, at first
_SELDOM = 5.0
_AFTER_FAILURE = 1.0  # seconds before the first look: a server that ends says for about so long that it is well


class Remote:
    """A server; it is looked at by one task, however many requests wait for it. `changed` is called when it comes up
    or goes down.

    `most` requests are under way at once; others wait here.
    """

    def __init__(
        self, url: str, wanted: Wanted, most: int, patience: float, changed: "Callable[[Remote], None]"
    ) -> None:
        self.url, self.up, self.trees = url, False, 0
        """`trees` are the live ones that are pinned to it"""
        self.wrong: ModelError | None = None
        """why it must not be used, also where it answers"""
        self.why = "it has not answered yet"
        """the last failure"""
        self.seen: Seen | None = None
        self._wanted, self._changed = wanted, changed
        self._requests, self._places = Requests(url, patience), asyncio.Semaphore(most)
        self._watcher: asyncio.Task[None] | None = None
        self._verifying: asyncio.Task[None] | None = None

    # requests

    async def generate(self, ids: Sequence[int], draw: Draw, salt: str | None) -> Written:
        """Raises Gone, ValueError for a request that the server refuses, and Busy."""
        seen = self._known()
        return await self._noted(
            lambda: self._requests.generate(seen.route, seen.served, ids, draw, salt, self._verified)
        )

    async def encode(self, ids: Sequence[int], read: Read, salt: str | None) -> Rows:
        """Like `generate`."""
        return await self._noted(lambda: self._requests.encode(self._known().served, ids, read, salt, self._verified))

    async def _noted(self, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to a request; where the server is gone, it is looked for from now on."""
        async with self._places:
            try:
                return await request()
            except Gone as gone:
                self.why = str(gone)
                if self.up:
                    self.up = False
                    self._changed(self)
                    self.watch(_AFTER_FAILURE)
                raise

    def _known(self) -> Seen:
        assert self.seen is not None, "requests are made once the server has been looked at"
        return self.seen

    # life

    def watch(self, pause: float = 0.0) -> None:
        """Looks at the server until it is up or wrong. Idempotent."""
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.ensure_future(self._watch(pause))

    async def _watch(self, pause: float) -> None:
        await asyncio.sleep(pause)
        for seconds in waits(_OFTEN, _SELDOM):
            try:
                answer = await self._requests.connection.get("/health", _LOOK)
                if answer.status == 200:
                    self.why = "it is well, and is asked what it serves"
                    await self._look()
                    break
                self.why = f"status {answer.status} of /health: {answer.message()}"
            except (Lost, Gone, Busy, TimeoutError) as error:
                self.why = str(error) or "no answer to /health"
            except Exception as error:
                self.wrong = error if isinstance(error, ModelError) else ModelError(f"{self.url}: {error}")
                break
            await asyncio.sleep(seconds)
        self.up = self.wrong is None
        self._changed(self)

    async def _look(self) -> None:
        """Raises ModelError where the server cannot be used, or is no longer what it was."""
        seen = await look(self._requests, self._wanted)
        if self.seen is not None and (how := self.seen.probe.differs(seen.probe)):
            raise ModelError(f"{self.url} has come back with another model: {how}")
        self.seen = seen if self.seen is None else seen._replace(probe=self.seen.probe)

    async def _verified(self) -> None:
        """Returns once the server has shown that it is still the same; one look serves all that wait for it."""
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.ensure_future(self._look())
        try:
            await asyncio.shield(self._verifying)
        except (Lost, Busy) as error:
            raise Gone(str(error), True) from error
        except ModelError as error:
            self.wrong, self.up = error, False
            self._changed(self)
            raise Gone(str(error), True) from error

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        await self._requests.connection.close()
