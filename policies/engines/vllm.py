"""The vLLM runtime, on GPU or CPU: each engine is an AsyncLLM in an event loop of its own, which any loop may await.

vLLM batches by itself: each request is sent alone, token ids in and token ids out. Tested with vLLM 0.32 on CPU,
written for 0.20 and newer. Only `vllm_start`, `vllm_arguments` and `vllm_requests` import vLLM.
"""

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from policies.engines.adapters import adapter_of
from policies.engines.hf import context_length, load_config
from policies.engines.models import ModelError
from policies.engines.server import Aborted, Draw, EngineDied, Read, Rows, Written
from policies.engines.share import Share
from policies.engines.vllm_arguments import check_version, engine_arguments, release_share
from policies.engines.vllm_log import log_tail
from policies.engines.vllm_requests import (
    lora_request,
    pooling_params,
    rows,
    sampling_params,
    tokens_prompt,
    written,
)
from policies.engines.vllm_start import Launch, spawning

T = TypeVar("T")
Output = TypeVar("Output", Written, Rows)
LONGEST = 32_768  # tokens of the longest context that the knob's default gives
_servers: dict[Hashable, "Server"] = {}  # the engines of policies and scorers


class Server:
    """One engine, which starts in the background; `ready` waits for it.

    `runner` is generate or pooling; `stat_loggers` receive vLLM's own counts.
    """

    def __init__(
        self, model: str, dtype: str, share: Share, runner: str, adapter: str | None = None, stat_loggers: Any = None
    ) -> None:
        check_version()
        self.adapter = None if adapter is None else adapter_of(adapter)
        self.model, self.share = model, share
        self.context = min(context_length(load_config(model)), share.context or LONGEST)
        with spawning:  # else the GPU of another engine, which is being started, may be all that is visible
            arguments = engine_arguments(model, dtype, share, self.context, runner)
        arguments |= {} if self.adapter is None else self.adapter.arguments()
        self.dtype: str = arguments["dtype"]
        self._lora = None if self.adapter is None else lora_request(str(self.adapter.folder))
        self._names, self._open = map(str, count()), True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"vllm {model}", daemon=True)
        self._thread.start()
        self._llm: Any = None
        atexit.register(self.close)
        self._launch = Launch(f"model={model}", arguments, share.places, stat_loggers)
        self._started = asyncio.run_coroutine_threadsafe(self._launch.run(), self._loop)

    def ready(self) -> None:
        """Waits until the engine runs. Raises ModelError where it cannot start, EngineDied where it was closed."""
        if not self._open:
            raise self._closed()
        if self._llm is not None:
            return
        try:
            self._llm = self._started.result()
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception):
                raise
            raise ModelError(f"vLLM cannot start model={self.model}: {error}\n{log_tail()}") from error

    @property
    def llm(self) -> Any:
        """vLLM's own engine, once it runs."""
        self.ready()
        return self._llm

    @property
    def block(self) -> int:
        """Tokens of a cache block."""
        return self.llm.vllm_config.cache_config.block_size

    @property
    def alive(self) -> bool:
        """False once it has ended; true while it starts."""
        return self._open and not (self._llm and self._llm.errored)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` in the engine's loop and awaits it from any loop; a cancelled caller does not wait for its end.

        Raises EngineDied where the engine was closed or has ended.
        """
        try:
            self.ready()
        except BaseException:
            work.close()
            raise
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        except Exception:
            if not self._llm.errored:
                raise
        raise EngineDied(f"vLLM's engine of model={self.model} has ended. Its log:\n{log_tail()}")

    async def generate(self, ids: Sequence[int], draw: Draw, salt: str | None) -> Written:
        """A continuation; runs in the engine's loop. Raises Aborted, with the output so far, where it is cancelled."""
        name = next(self._names)
        stream = self._llm.generate(tokens_prompt(ids, salt), sampling_params(draw), name, lora_request=self._lora)
        return await self._last(stream, name, lambda output: written(output, ids, draw))

    async def encode(self, ids: Sequence[int], read: Read, salt: str | None) -> Rows:
        """What a classifier reads; like `generate`."""
        name = next(self._names)
        return await self._last(self._llm.encode(tokens_prompt(ids, salt), pooling_params(read), name), name, rows)

    async def _last(self, stream: AsyncIterator[Any], name: str, read: Callable[[Any], Output]) -> Output:
        request = asyncio.ensure_future(_drained(stream))
        try:
            return read(await asyncio.shield(request))
        except asyncio.CancelledError:
            while not request.done():
                # Until the engine knows the request, there is nothing to abort.
                await self._llm.abort(name)
                await asyncio.wait([request], timeout=0.05)
            raise Aborted(None if request.exception() else read(request.result())) from None

    def _closed(self) -> EngineDied:
        return EngineDied(f"vLLM's engine of model={self.model} was closed; make the policy or scorer anew")

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        """Ends the engine's processes. Idempotent."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        release_share(self.share)
        if self._llm is None:
            self._launch.give_up()
        with suppress(Exception):
            self._wait(self._end(), seconds=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        engine = self._llm
        if engine is None and self._started.done() and self._started.exception() is None:
            engine = self._started.result()
        if engine is not None:
            engine.shutdown()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def shared(model: str, dtype: str, share: Share, runner: str, adapter: str | None = None) -> Server:
    """One engine for all policies, or all scorers, of the same model and share. One that has ended is replaced."""
    key = (model, dtype, share, runner, adapter)
    if key not in _servers or not _servers[key].alive:
        if key in _servers:
            _servers.pop(key).close()
        _servers[key] = Server(model, dtype, share, runner, adapter)
    return _servers[key]


async def _drained(stream: AsyncIterator[Any]) -> Any:
    """The last output of a request."""
    return [output async for output in stream][-1]
