"""LoRA adapters: small weights beside a model's own, as peft saves them. Loads no model library."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from policies.engines.checkpoint import read_json
from policies.engines.hub import folder_of
from policies.engines.models import ADAPTER_CONFIG, ModelError
from policies.engines.weight_files import tensors

WEIGHTS = "adapter_model.safetensors"
# What vLLM leaves out of an adapter, or refuses at its first request.
_BEYOND_VLLM = ("use_dora", "lora_bias", "alora_invocation_tokens", "layer_replication", "use_qalora", "use_bdlora")
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM's kernels are made for


class Adapter(NamedTuple):
    """An adapter's files; `rank` is its largest, `parameters` counts all its numbers."""

    name: str
    folder: Path
    rank: int
    parameters: int
    config: dict[str, Any]

    def arguments(self) -> dict[str, Any]:
        """Of a vLLM engine that runs it. Raises ModelError for an adapter that is more than a plain LoRA."""
        beyond = [knob for knob in _BEYOND_VLLM if self.config.get(knob)]
        beyond += ["modules_to_save"] if self.config.get("modules_to_save") else []
        beyond += ["bias"] if self.config.get("bias", "none") != "none" else []
        rank = next((rank for rank in _RANKS if rank >= self.rank), None)
        if beyond or rank is None:
            what = f"has {beyond[0]}" if beyond else f"is of rank {self.rank}, above {_RANKS[-1]}"
            raise ModelError(f"adapter={self.name} {what}, which vLLM does not run: take policy=hf, or merge it")
        return {"enable_lora": True, "max_loras": 1, "max_lora_rank": rank}


@lru_cache(maxsize=16)
def adapter_of(name: str) -> Adapter:
    """A folder or hub name's adapter. Raises ModelError where it is no LoRA adapter in a whole safetensors file."""
    try:
        return _read(name)
    except ModelError as error:
        raise ModelError(str(error).replace("model=", "adapter=", 1)) from error


def _read(name: str) -> Adapter:
    folder = folder_of(name, weights=True)
    if not (folder / ADAPTER_CONFIG).is_file():
        raise ModelError(f"model={name}: no {ADAPTER_CONFIG} in {folder}; give a folder that peft has saved")
    config = read_json(name, folder / ADAPTER_CONFIG)
    if (kind := config.get("peft_type")) != "LORA":
        raise ModelError(f"model={name} is an adapter of type {kind}; only LoRA is read, so merge it into its model")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"model={name}: no {WEIGHTS} in {folder}; save the adapter with safe_serialization=True")
    stored = tensors(name, folder / WEIGHTS)
    rank = max([config.get("r") or 1, *(config.get("rank_pattern") or {}).values()])
    return Adapter(name, folder, rank, sum(tensor.numbers for tensor in stored.values()), config)
