"""Starts vLLM engines beside each other, where their memory allows it, and says so."""

# pyright: reportMissingImports=false

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, resource_tracker
from typing import Any

from policies.engines.guard import guard, start_guard

spawning = threading.Lock()
"""Held while an engine's process is made: the GPU that it sees stands in this process' environment until then."""
_measuring: dict[int, threading.Lock] = {}  # by GPU: two engines that measure its memory would count each other's


class Launch:
    """The start of one engine; `children` are its processes."""

    def __init__(self, name: str, arguments: Mapping[str, Any], gpus: Sequence[int], stat_loggers: Any) -> None:
        self.children: list[Any] = []
        self._name, self._arguments, self._gpus, self._stat_loggers = name, arguments, gpus, stat_loggers
        self._given_up = threading.Event()

    async def run(self) -> Any:
        """The engine once it is ready; blocks the loop, in which it then runs. Raises what vLLM raises."""
        # An engine whose cache has a size of its own measures nothing.
        measured = () if "kv_cache_memory_bytes" in self._arguments else sorted(self._gpus)
        with ExitStack() as turns:
            for gpu in measured:
                turns.enter_context(self._turn(gpu))
            start = time.monotonic()
            print(f"vLLM starts {self._name}; a large model takes minutes", file=sys.stderr, flush=True)
            with self._sees_its_gpu():
                engine = self._made()
            print(f"vLLM runs {self._name}, after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            return engine

    @contextmanager
    def _turn(self, gpu: int) -> Iterator[None]:
        """Waits, and says so, until no other engine measures the GPU's memory."""
        lock = _measuring.setdefault(gpu, threading.Lock())
        if not lock.acquire(blocking=False):
            why = f"another engine measures the memory of GPU {gpu}; with cache_gb for each they start together"
            print(f"vLLM waits with {self._name}: {why}", file=sys.stderr, flush=True)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _made(self) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        # The engine's processes inherit this thread's mask: Ctrl-C, which a terminal sends to all, is for the searches.
        resource_tracker.ensure_running()  # which would lift the mask once it starts
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # Custom loggers need the statistics; nothing else reads them.
        settings = AsyncEngineArgs(**self._arguments, disable_log_stats=self._stat_loggers is None)
        if self._given_up.is_set():
            raise RuntimeError("the start was given up")
        return AsyncLLM.from_engine_args(settings, stat_loggers=self._stat_loggers)

    @contextmanager
    def _sees_its_gpu(self) -> Iterator[None]:
        """Puts the GPUs into the environment until the engine's process is there, or the block ends."""
        spawning.acquire()
        start_guard()
        others, done = set(active_children()), threading.Event()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else None
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names[gpu] if names else str(gpu) for gpu in self._gpus)

        def watch() -> None:
            while not done.wait(0.01) and not self.children:
                self.children = list(set(active_children()) - others)
            for process in self.children:
                guard(process.pid)
            os.environ.pop("CUDA_VISIBLE_DEVICES")
            if visible is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = visible
            spawning.release()
            if self._given_up.is_set():
                self.give_up()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def give_up(self) -> None:
        """Ends what has been started of the engine. Idempotent."""
        self._given_up.set()
        for process in self.children:
            process.kill()  # a process that loads a model ignores other signals
