"""The Transformers runtime, on CPU or GPU: what policies and scorers share.

Models come from safetensors files and run no remote code. Policies and scorers on one device take turns, because two
models that spin the same cores slow each other down by far more than half.
"""

import threading
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
)
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING
from transformers.utils.logging import disable_progress_bar

from policies.engines.checkpoint import architecture_of, raw_config, weights_of
from policies.engines.hub import folder_of
from policies.engines.models import SHIPPED, ModelError
from policies.engines.quantised import check_on_transformers, method_of
from policies.engines.weight_files import check_tokenizer

DTYPES = ("auto", "float32", "bfloat16", "float16")
_turns: dict[str, threading.Lock] = {}


def choose_device(device: str, model: str = "") -> str:
    """`auto` is the GPU where there is one, but for the small models that ship: a GPU takes longer to launch them.

    Raises ModelError for a device that this torch does not have.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() and model not in SHIPPED else "cpu"
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
    raw = raw_config(model)
    if (kind := raw.get("model_type")) not in CONFIG_MAPPING:
        needs = "runs on code of its own, which is not run here" if raw.get("auto_map") else "is unknown here"
        raise ModelError(
            f"model={model} is a {kind or 'model without a model_type'}, which {needs}; give a model whose "
            "architecture the installed Transformers has"
        )
    try:
        return AutoConfig.from_pretrained(folder_of(model), trust_remote_code=False)
    except Exception as error:
        raise _cannot(model, error) from error


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """The model's tokenizer. Raises ModelError where it cannot be loaded."""
    raw_config(model)
    check_tokenizer(model, folder_of(model))
    try:
        return AutoTokenizer.from_pretrained(folder_of(model), trust_remote_code=False)
    except Exception as error:
        raise _cannot(f"{model}: its tokenizer", error) from error


def load_weights(model_class: Any, model: str, device: str, dtype: str) -> Any:
    """A model of the class, in evaluation mode.

    Raises ModelError where the checkpoint is not in whole safetensors files, lacks weights of the class, or is
    quantised for a library that is not installed.
    """
    chosen = choose_dtype(model, device, dtype)
    check_on_transformers(model, AUTO_QUANTIZER_MAPPING)
    folder = weights_of(model)
    disable_progress_bar()
    try:
        loaded, report = model_class.from_pretrained(
            folder, dtype=chosen, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as error:  # each library for quantised weights raises errors of its own
        raise _cannot(model, error) from error
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(f"model={model} lacks weights of {type(loaded).__name__}: {missing}, ...")
    if method_of(model) and not getattr(loaded, "is_quantized", False):
        # Dequantised, as FP8 is without a GPU for it: in bfloat16, whatever dtype was asked for.
        for weight in loaded.parameters():
            weight.data = weight.data.to(chosen)
    return loaded.to(device).eval()


def empty_model(make: Any, model: str) -> Any:
    """A model with empty weights, made from the checkpoint's config, to count parameters."""
    with torch.device("meta"):
        return make(load_config(model))


def generation_ends(model: str) -> int | list[int] | None:
    """The end tokens that the checkpoint's generation_config names."""
    try:
        return GenerationConfig.from_pretrained(folder_of(model)).eos_token_id
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


def check_writes(model: str) -> None:
    """Raises ModelError where the checkpoint is not one of a causal language model."""
    config, architecture = load_config(model), architecture_of(model)
    if "Reward" in architecture or "Classification" in architecture:
        raise ModelError(
            f"model={model} is a {architecture}: it judges and does not write; give a causal language model"
        )
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        sees = "vision_config" in config.to_dict() or "audio_config" in config.to_dict()
        kind = "reads images or sound too" if sees else "is no causal language model"
        raise ModelError(f"model={model} is a {architecture}, which {kind}; give a model that writes from text alone")


def _cannot(model: str, error: Exception) -> ModelError:
    plain = isinstance(error, OSError | ValueError | RuntimeError | ImportError)
    kind = "" if plain else f"{type(error).__name__}: "
    return ModelError(f"model={model} cannot be loaded: {kind}{_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
