"""The vLLM runtime, on GPU or CPU: each engine is an AsyncLLM in an event loop of its own, which any loop may await.

vLLM batches by itself: each request is sent alone, token ids in and token ids out. Tested with vLLM 0.32 on CPU,
written for 0.20 and newer. Only this file, `vllm_arguments` and `vllm_requests` import vLLM.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import asyncio
import atexit
import os
import signal
import threading
from collections.abc import AsyncIterator, Coroutine, Hashable, Sequence
from contextlib import suppress
from itertools import count
from multiprocessing import active_children, resource_tracker
from typing import Any, TypeVar

from policies.engines.adapters import adapter_of
from policies.engines.hf import context_length, load_config
from policies.engines.models import ModelError
from policies.engines.share import Share
from policies.engines.vllm_arguments import check_version, engine_arguments, release_share
from policies.engines.vllm_log import log_tail
from policies.engines.vllm_requests import lora_request, tokens_prompt
from search.errors import WorkerDied

T = TypeVar("T")
LONGEST = 32_768  # tokens of the longest context that the knob's default gives
_servers: dict[Hashable, "Server"] = {}  # the engines of policies and scorers


class EngineDied(WorkerDied):
    """A vLLM engine and every request to it have ended; the message holds the last lines of its log."""


class Aborted(asyncio.CancelledError):
    """A request was cancelled; `output` is its last output, or None."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class Server:
    """One engine. `runner` is generate or pooling; `stat_loggers` receive vLLM's own counts."""

    def __init__(
        self, model: str, dtype: str, share: Share, runner: str, adapter: str | None = None, stat_loggers: Any = None
    ) -> None:
        check_version()
        self.adapter = None if adapter is None else adapter_of(adapter)
        self.model, self.share = model, share
        self.context = min(context_length(load_config(model)), share.context or LONGEST)
        arguments = engine_arguments(model, dtype, share, self.context, runner)
        arguments |= {} if self.adapter is None else self.adapter.arguments()
        self._lora = None if self.adapter is None else lora_request(str(self.adapter.folder))
        self._names, self._open = map(str, count()), True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"vllm {model}", daemon=True)
        self._thread.start()
        self.llm: Any = None
        atexit.register(self.close)
        others = set(active_children())
        try:
            self.llm = self._wait(_start(arguments, share.gpu, stat_loggers))
        except BaseException as error:
            for process in set(active_children()) - others:
                process.kill()  # a process that loads a model ignores other signals
            self.close()
            if not isinstance(error, Exception):
                raise
            raise ModelError(f"vLLM cannot start model={model}: {error}\n{log_tail()}") from error
        self.block: int = self.llm.vllm_config.cache_config.block_size  # tokens of a cache block

    @property
    def alive(self) -> bool:
        return self._open and not self.llm.errored

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` in the engine's loop and awaits it from any loop; a cancelled caller does not wait for its end.

        Raises EngineDied where the engine was closed or has ended.
        """
        if not self._open:
            work.close()
            raise EngineDied(f"vLLM's engine of model={self.model} was closed; make the policy or scorer anew")
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        except Exception:
            if not self.llm.errored:
                raise
        raise EngineDied(f"vLLM's engine of model={self.model} has ended. Its log:\n{log_tail()}")

    async def generate(self, ids: Sequence[int], params: Any, salt: str | None) -> Any:
        """A RequestOutput; runs in the engine's loop. Raises Aborted, with the output so far, where it is cancelled."""
        name = next(self._names)
        return await self._last(
            self.llm.generate(tokens_prompt(ids, salt), params, name, lora_request=self._lora), name
        )

    async def encode(self, ids: Sequence[int], params: Any, salt: str | None) -> Any:
        """A PoolingRequestOutput; like `generate`."""
        name = next(self._names)
        return await self._last(self.llm.encode(tokens_prompt(ids, salt), params, name), name)

    async def _last(self, stream: AsyncIterator[Any], name: str) -> Any:
        request = asyncio.ensure_future(_drained(stream))
        try:
            return await asyncio.shield(request)
        except asyncio.CancelledError:
            while not request.done():
                # Until the engine knows the request, there is nothing to abort.
                await self.llm.abort(name)
                await asyncio.wait([request], timeout=0.05)
            raise Aborted(None if request.exception() else request.result()) from None

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def close(self) -> None:
        """Ends the engine's processes. Idempotent."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        release_share(self.share)
        with suppress(Exception):
            self._wait(self._end(), seconds=30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        if self.llm is not None:
            self.llm.shutdown()
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


async def _start(arguments: dict[str, Any], gpu: int, stat_loggers: Any) -> Any:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    # The engine's processes inherit this thread's mask: Ctrl-C, which a terminal sends to all, is for the searches.
    resource_tracker.ensure_running()  # which would lift the mask once it starts
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[gpu] if visible else str(gpu)
    try:
        # Custom loggers need the statistics; nothing else reads them.
        settings = AsyncEngineArgs(**arguments, disable_log_stats=stat_loggers is None)
        return AsyncLLM.from_engine_args(settings, stat_loggers=stat_loggers)
    finally:
        os.environ.pop("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = visible
