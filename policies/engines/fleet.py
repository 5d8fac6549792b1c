"""Servers of one model as one: a tree stays on one server, whose cache holds its paths, and moves when that dies."""

import asyncio
import atexit
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from policies.engines.adapters import adapter_of
from policies.engines.connection import library
from policies.engines.health import HEALTH
from policies.engines.hf import context_length, load_config
from policies.engines.look import Wanted
from policies.engines.loop import background_loop
from policies.engines.models import ModelError
from policies.engines.probe import Probe
from policies.engines.remote import Remote
from policies.engines.requests import Gone
from policies.engines.server import Aborted, Draw, EngineDied, Read, Rows, Written
from policies.engines.share import Share
from search.solve import search_end

T = TypeVar("T")
Output = TypeVar("Output", Written, Rows)
_FAILURES = 5  # answers of status 500 to one request, before it is taken to be the request's fault
_SAY_AFTER = 2.0  # seconds of waiting for a server, before the user is told


class Fleet:
    """Gives a new tree to the server with the fewest live ones, and forgets a tree when its search ends."""

    def __init__(self, model: str, share: Share, runner: str, adapter: str | None = None) -> None:
        library()
        self.adapter = None if adapter is None else adapter_of(adapter)
        self.model, self.dtype = model, f"the number format of {', '.join(share.url)}"
        config = load_config(model)
        self._own = context_length(config)
        self._most = share.context
        self._patience, self._trees = share.patience, dict[str, Remote]()
        self._loop = background_loop()
        wanted = Wanted(adapter or model, share.served, runner, config.get_text_config().vocab_size)
        most = 2 * share.max_num_seqs
        self.servers = [Remote(url, wanted, most, share.patience, self._changed) for url in share.url]
        for url in share.url:
            HEALTH.is_up(url, False)
        self._any_up, self._any_change = asyncio.Event(), asyncio.Event()
        self._closed = False
        self._first: Remote | None = None
        atexit.register(self.close)
        self._opened: Future[None] = asyncio.run_coroutine_threadsafe(self._open(), self._loop)

    # start

    async def _open(self) -> None:
        """Waits until each server is up, or `patience` is over and one of them is. Raises ModelError."""
        for server in self.servers:
            server.watch()
        until, said = self._loop.time() + self._patience, set[Remote]()
        while waiting := [each for each in self.servers if not each.up and each.wrong is None]:
            left = until - self._loop.time()
            if left <= 0:
                break
            self._any_change.clear()
            try:
                await asyncio.wait_for(self._any_change.wait(), min(left, _SAY_AFTER))
            except TimeoutError:
                for server in (each for each in waiting if each not in said):
                    said.add(server)
                    print(f"waiting for {server.url}: {server.why}", file=sys.stderr, flush=True)
        self._check()
        for server in (each for each in self.servers if not each.up):
            print(f"{server.url} does not answer ({server.why}); the others go on without it", file=sys.stderr)

    def _check(self) -> None:
        """Raises ModelError where a server must not be used, or none is up."""
        for server in self.servers:
            if server.wrong is not None:
                raise server.wrong
        if not any(server.up for server in self.servers):
            raise ModelError(f"{self._why()}; start vllm serve there, see docs/remote.md")

    def ready(self) -> None:
        """Raises ModelError where no server answers, or one serves another model."""
        try:
            self._opened.result()
        except ModelError:
            self.close()
            raise

    @property
    def probe(self) -> Probe:
        """What tells this model's weights from others."""
        self.ready()
        assert self._first is not None and self._first.seen is not None
        return self._first.seen.probe

    @property
    def context(self) -> int:
        """The least of the model's, the servers' and the knob's."""
        self.ready()
        told = [server.seen.probe.context for server in self.servers if server.seen is not None]
        return min([self._own, *told, *([self._most] if self._most else [])])

    @property
    def block(self) -> int:
        """Tokens of a cache block, of the first server that answered."""
        self.ready()
        assert self._first is not None and self._first.seen is not None
        return self._first.seen.block

    @property
    def alive(self) -> bool:
        """A fleet waits for its servers: it ends where it is closed, or none of them may be used."""
        return not self._closed and any(server.wrong is None for server in self.servers)

    # requests

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` in the loop of all servers and awaits it from any loop."""
        try:
            self.ready()
        except BaseException:
            work.close()
            raise
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def generate(self, ids: Sequence[int], draw: Draw, salt: str | None) -> Written:
        """A continuation. Raises EngineDied where no server has answered for `patience` seconds, and Aborted."""
        return await self._ask(salt, lambda server: server.generate(ids, draw, salt))

    async def encode(self, ids: Sequence[int], read: Read, salt: str | None) -> Rows:
        """What a classifier reads; like `generate`."""
        return await self._ask(salt, lambda server: server.encode(ids, read, salt))

    async def _ask(self, salt: str | None, request: Callable[[Remote], Awaitable[Output]]) -> Output:
        lost, failures = False, 0
        try:
            while True:
                server = await self._server(salt)
                try:
                    output = await request(server)
                    return output._replace(lost=lost or output.lost)
                except Gone as gone:
                    lost |= gone.sent
                    failures += gone.status == 500
                    if failures >= _FAILURES:
                        raise RuntimeError(f"{server.url} fails at this request, {failures} times: {gone}") from gone
                    HEALTH.again(server.url)
        except asyncio.CancelledError:
            raise Aborted(None) from None

    async def _server(self, salt: str | None) -> Remote:
        """The tree's server; another one, from now on, where that is gone. Waits for one where all are."""
        known = None if salt is None else self._trees.get(salt)
        if known is not None and known.up:
            return known
        until = self._loop.time() + self._patience
        while not (up := [server for server in self.servers if server.up]):
            for server in self.servers:
                if server.wrong is not None and not self.alive:
                    raise EngineDied(str(server.wrong))
            try:
                await asyncio.wait_for(self._any_up.wait(), until - self._loop.time())
            except TimeoutError:
                raise EngineDied(f"{self._why()}, for {self._patience:g} s") from None
        chosen = min(up, key=lambda server: server.trees)
        if salt is not None:
            self._pin(salt, chosen, known)
        return chosen

    def _pin(self, salt: str, server: Remote, before: Remote | None) -> None:
        self._trees[salt] = server
        server.trees += 1
        if before is not None:
            before.trees -= 1
        elif ends := search_end.get():
            ends.callback(self._loop.call_soon_threadsafe, self._forget, salt)

    def _forget(self, salt: str) -> None:
        if (server := self._trees.pop(salt, None)) is not None:
            server.trees -= 1

    def _changed(self, server: Remote) -> None:
        """The server came up, or went down; one with other weights than the first one's is not used."""
        if server.up:
            self._first = self._first or server
            assert self._first.seen is not None and server.seen is not None
            if how := self._first.seen.probe.differs(server.seen.probe):
                server.up, server.wrong = False, ModelError(f"{server.url} is not as {self._first.url}: {how}")
        HEALTH.is_up(server.url, server.up)
        if server.wrong is not None and self._opened.done():
            print(f"{server.wrong}; it is not used", file=sys.stderr, flush=True)
        (self._any_up.set if any(server.up or not self.alive for server in self.servers) else self._any_up.clear)()
        self._any_change.set()

    def _why(self) -> str:
        return "no server answers: " + "; ".join(f"{server.url} ({server.why})" for server in self.servers)

    def close(self) -> None:
        """Ends the connections, not the servers. Idempotent."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        for server in self.servers:
            HEALTH.forget(server.url)
        self._opened.cancel()
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)

    async def _end(self) -> None:
        await asyncio.gather(*(server.close() for server in self.servers), return_exceptions=True)


def shared_fleet(model: str, share: Share, runner: str, adapter: str | None = None) -> Fleet:
    """One fleet for all policies, or all scorers, of the same model and servers. One that has ended is replaced."""
    if not _fleet(model, share, runner, adapter).alive:
        _fleet.cache_clear()
    return _fleet(model, share, runner, adapter)


@lru_cache(maxsize=8)
def _fleet(model: str, share: Share, runner: str, adapter: str | None) -> Fleet:
    return Fleet(model, share, runner, adapter)
