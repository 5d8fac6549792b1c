"""A reward model on the weights of a language model, in the published formats that the scorers read."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForTokenClassification

from experiments.errors import RunError
from experiments.training.outputs import Output
from policies.engines.checkpoint import weights_of
from policies.engines.hf import load_config, load_tokenizer
from policies.engines.prompt import SYSTEM_PROMPT
from scorers.checkpoints.forms import Form, Separated, Tagged
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
from scorers.prm import STEP_TAG


def seeded(seed: int) -> None:
    """Seeds what makes the new weights of a head and of an adapter."""
    torch.manual_seed(seed)


def form_of(output: Output) -> Form:
    """How the scorer of this name reads question and steps."""
    return Tagged(STEP_TAG, SYSTEM_PROMPT) if output is Output.PRM else Separated("\n")


def begin(base: str, output: Output) -> tuple[Any, Any]:
    """The model, its head new unless the base has one, and its tokenizer.

    Raises RunError where the base does not fit the format, ModelError where it cannot be had.
    """
    kind, tokenizer = load_config(base).model_type, load_tokenizer(base)
    if output is Output.PRM and kind != "qwen2":
        raise RunError(f"base={base} is a {kind}; output=prm is made of Qwen2 alone: use output=token_classification")
    options: dict[str, Any] = {"dtype": torch.float32, "use_safetensors": True, "trust_remote_code": False}
    if output is Output.PRM:
        model: Any = Qwen2ForProcessRewardModel.from_pretrained(weights_of(base), **options)
        if tokenizer.convert_ids_to_tokens(tokenizer.convert_tokens_to_ids(STEP_TAG) or 0) != STEP_TAG:
            tokenizer.add_special_tokens({"additional_special_tokens": [STEP_TAG]})
    else:
        model = AutoModelForTokenClassification.from_pretrained(weights_of(base), num_labels=2, **options)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    return model, tokenizer


def with_adapter(model: Any, rank: int) -> Any:
    """The model with a LoRA adapter of this rank on every linear layer but the head, which is trained whole.

    Raises RunError where PEFT is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise RunError("lora= needs PEFT: pip install -e '.[train]'") from None
    heads = ("score", "classifier")
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    layers = [name for name in linear if name.partition(".")[0] not in heads]
    there = [name for name in heads if hasattr(model, name)]
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers, modules_to_save=there))


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes the checkpoint, an adapter merged into its weights, so that `scorer.model=` reads the folder."""
    merge = getattr(model, "merge_and_unload", None)
    whole = model if merge is None else merge()
    whole.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
