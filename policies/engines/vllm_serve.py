"""The command line of a `vllm serve` that does what an engine in this process does: same arguments, other spelling."""

import json
import os
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from policies.engines.adapters import adapter_of
from policies.engines.hf import context_length, load_config
from policies.engines.share import Share
from policies.engines.vllm import LONGEST
from policies.engines.vllm_arguments import check_version, engine_arguments
from policies.engines.vllm_command import words

_OF_THE_ROUTES = ["--enable-scale-out", "--enable-prompt-tokens-details"]
_LEFT_OUT = ("model", "trust_remote_code", "use_tqdm_on_load", "pooler_config")
_BACKEND = "distributed_executor_backend"
_SAMPLER = "VLLM_USE_FLASHINFER_SAMPLER"  # which `engine_arguments` sets where vLLM's own choice is not installed
_POOLER = {"task": "token_classify", "tok_pooling_type": "ALL"}
_ON_CPU = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_WAIT_POLICY": "PASSIVE"}


class Serve(NamedTuple):
    """A server to start; `measures`: at its start it looks how much of its GPUs' memory is free."""

    name: str
    gpus: tuple[int, ...]
    url: str
    environment: Mapping[str, str]
    words: list[str]
    measures: bool

    @property
    def line(self) -> str:
        """The command as one types it."""
        before = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*before, shlex.join(self.words)])


def serve(name: str, dtype: str, share: Share, runner: str, host: str, port: int, adapter: str | None = None) -> Serve:
    """The server of a model, as `served` would start it here; `runner` is generate or pooling. Raises ModelError."""
    check_version()
    context = min(context_length(load_config(name)), share.context or LONGEST)
    arguments = engine_arguments(name, dtype, share, context, runner)
    more = list(_OF_THE_ROUTES)
    if runner == "pooling":
        more = ["--pooler-config", json.dumps(_POOLER), "--io-processor-plugin", "stepsearch"]
    if adapter is not None:
        weights = adapter_of(adapter)
        arguments |= weights.arguments()
        more += ["--lora-modules", f"{adapter}={weights.folder}"]
    if cpu := "gpu_memory_utilization" not in arguments:
        arguments[_BACKEND] = "uni"  # the class of that name, in words
    more += ["--disable-uvicorn-access-log"]  # a line a request
    flags = [flag for option, value in arguments.items() if option not in _LEFT_OUT for flag in _flag(option, value)]
    place = ["--served-model-name", name, "--host", host, "--port", str(port)]
    on_gpu = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, share.places))}
    on_gpu |= {_SAMPLER: os.environ[_SAMPLER]} if _SAMPLER in os.environ else {}
    environment = _ON_CPU if cpu else on_gpu
    command = [*words(), "serve", str(arguments["model"]), *place, *flags, *more]
    measures = "kv_cache_memory_bytes" not in arguments
    return Serve(name, () if cpu else share.places, f"http://{host}:{port}", environment, command, measures)


def _flag(option: str, value: Any) -> list[str]:
    name = option.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", json.dumps(value) if isinstance(value, dict | list) else str(value)]
