"""Quantised checkpoints: which engine loads which, and with which library beside it."""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

from policies.engines.checkpoint import raw_config
from policies.engines.models import ModelError

# What Transformers needs, as (module, package). vLLM brings its own kernels.
_LIBRARIES: dict[str, Sequence[tuple[str, str]]] = {
    "awq": [("gptqmodel", "gptqmodel"), ("accelerate", "accelerate")],
    "gptq": [("gptqmodel", "gptqmodel"), ("optimum", "optimum")],
    "fp8": [("accelerate", "accelerate")],
    "mxfp4": [("accelerate", "accelerate"), ("kernels", "kernels")],
    "bitsandbytes": [("bitsandbytes", "bitsandbytes"), ("accelerate", "accelerate")],
    "compressed-tensors": [("compressed_tensors", "compressed-tensors")],
    "torchao": [("torchao", "torchao")],
    "hqq": [("hqq", "hqq")],
}


def method_of(model: str) -> str | None:
    """How a checkpoint is quantised; None where it is not."""
    config = raw_config(model)
    knobs: Any = config.get("quantization_config") or (config.get("text_config") or {}).get("quantization_config")
    if not isinstance(knobs, dict):
        return None
    # An older bitsandbytes config names no method.
    by_flag = "bitsandbytes" if knobs.get("load_in_4bit") or knobs.get("load_in_8bit") else "unknown"
    return str(knobs.get("quant_method") or by_flag).replace("_", "-")


def check_on_transformers(model: str, methods: Iterable[str]) -> None:
    """Raises ModelError where Transformers lacks a library for the checkpoint, with what to install.

    It ignores a method that is none of its `methods`, and would read the packed numbers as weights.
    """
    method = method_of(model)
    if method is None:
        return
    if method not in {name.replace("_", "-").removesuffix("-4bit").removesuffix("-8bit") for name in methods}:
        raise ModelError(
            f"model={model} is quantised ({method}), which the installed Transformers does not read; run it on vLLM, "
            "or give the model that is not quantised"
        )
    missing = [package for module, package in _LIBRARIES.get(method, ()) if find_spec(module) is None]
    if missing:
        raise ModelError(
            f"model={model} is quantised ({method}), and Transformers reads it with {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}, or run it on vLLM, or give the model that is not quantised"
        )


def check_on_vllm(model: str, methods: Sequence[str]) -> None:
    """Raises ModelError where the checkpoint's method is none of vLLM's `methods`."""
    method = method_of(model)
    if method is None or method in methods or method.replace("-", "_") in methods:
        return
    raise ModelError(
        f"model={model} is quantised ({method}), which this vLLM does not read: run it on Transformers (engine hf), or "
        "give the model that is not quantised"
    )
