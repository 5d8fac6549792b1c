"""The Transformers runtime, on CPU or GPU: what policies and scorers share.

Models come from safetensors files and run no remote code. Policies and scorers on one device take turns, because two
models that spin the same cores slow each other down by far more than half.
"""

import threading
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from policies.engines.models import ModelError, locate

DTYPES = ("auto", "float32", "bfloat16", "float16")
_turns: dict[str, threading.Lock] = {}


def choose_device(device: str) -> str:
    """`auto` is the GPU where there is one. Raises ModelError for a device that this torch does not have."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device={device} is not available ({_first_line(error)}); device=auto picks one that is"
        ) from error
    return device


def has_bfloat16(device: str) -> bool:
    """False on a CPU without AVX-512, which emulates bfloat16 and float16 ten times slower than it computes float32."""
    return device != "cpu" or torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "NO AVX", "AVX2")


def choose_dtype(model: str, device: str, dtype: str) -> torch.dtype:
    """`auto` is the dtype of the checkpoint's config, or float32 where it names none or the CPU would emulate it."""
    if dtype not in DTYPES:
        raise ModelError(f"dtype={dtype}; choose from {', '.join(DTYPES)}")
    if dtype != "auto":
        return getattr(torch, dtype)
    own = load_config(model).dtype or torch.float32
    return own if has_bfloat16(device) else torch.float32


def load_config(model: str) -> Any:
    """The checkpoint's config. Raises ModelError where it cannot be loaded."""
    try:
        return AutoConfig.from_pretrained(locate(model), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _cannot(model, error) from error


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises ModelError where it cannot be loaded."""
    try:
        return AutoTokenizer.from_pretrained(locate(model), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _cannot(model, error) from error


def load_weights(model_class: Any, model: str, device: str, dtype: str) -> Any:
    """A model of the class, in evaluation mode.

    Raises ModelError where the checkpoint is not in safetensors files, or lacks weights of the class.
    """
    chosen = choose_dtype(model, device, dtype)
    disable_progress_bar()
    try:
        loaded, report = model_class.from_pretrained(
            locate(model), dtype=chosen, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise _cannot(model, error) from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"model={model} lacks weights of {type(loaded).__name__}: {missing}, ...")
    return loaded.to(device).eval()


def folder_of_weights(model: str) -> Path:
    """The folder of a checkpoint's safetensors files, downloaded from the hub first. Raises ModelError on failure."""
    place = locate(model)
    if Path(place).is_dir():
        return Path(place)
    try:
        return Path(snapshot_download(place, allow_patterns=["*.safetensors"]))
    except (OSError, ValueError) as error:
        raise _cannot(model, error) from error


def empty_model(make: Any, model: str) -> Any:
    """A model with empty weights, made from the checkpoint's config, to count parameters."""
    with torch.device("meta"):
        return make(load_config(model))


def generation_ends(model: str) -> int | list[int] | None:
    """The end tokens that the checkpoint's generation_config names."""
    try:
        return GenerationConfig.from_pretrained(locate(model)).eos_token_id
    except OSError:
        return load_config(model).eos_token_id


def context_length(config: Any) -> int:
    """The most tokens of prompt and solution together. Raises ModelError where the model sets no limit."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    if not length:
        raise ModelError(f"the config of {config.model_type} has no max_position_embeddings: its context is unknown")
    return int(length)


def turn(device: str) -> threading.Lock:
    """The lock that a policy or scorer holds while it computes on the device."""
    place = torch.device(device)
    name = "cpu" if place.type == "cpu" else f"{place.type}:{place.index or 0}"
    return _turns.setdefault(name, threading.Lock())


def _cannot(model: str, error: Exception) -> ModelError:
    return ModelError(f"model={model} cannot be loaded: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
