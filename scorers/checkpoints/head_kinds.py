"""From a reward model's last hidden states to scores: which checkpoint has which head, and how it is read."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from policies.engines.hf import empty_model, folder_of_weights, load_config, load_weights
from policies.engines.models import ModelError
from scorers.checkpoints.heads import Head
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel, Qwen2ForRewardModel


class Loaded(NamedTuple):
    """A decoder, what makes scores, [n], of its last hidden states, [n, H], and how many parameters that has."""

    decoder: Any
    score: Callable[[Tensor], Tensor]
    head_parameters: int


def fits(head: Head, architecture: str) -> bool:
    """Whether a checkpoint of this architecture can have the head."""
    match head:
        case Head.PRM:
            return architecture == "Qwen2ForProcessRewardModel"
        case Head.TOKENS:
            return architecture.endswith("ForTokenClassification")
        case Head.OUTCOME:
            return architecture.endswith("ForSequenceClassification") or architecture == "Qwen2ForRewardModel"
        case Head.WORDS | Head.LIKELIHOOD:
            return architecture.endswith("ForCausalLM")
        case Head.VALUE:
            return architecture.endswith(("ForCausalLM", "ForPrmModel", "ForRewardModel"))


def check(head: Head, model: str) -> None:
    """Raises ModelError, with the config that covers it, where the checkpoint is of another kind."""
    name = _architecture(model)
    if fits(head, name):
        return
    other = next((kind for kind in Head if fits(kind, name)), None)
    hint = f"; scorer={other} reads it" if other else f"; scorer={head} reads {_READS[head]}"
    raise ModelError(f"model={model} is a {name}{hint}")


def _architecture(model: str) -> str:
    return (load_config(model).architectures or ["model that names no architecture"])[0]


_READS = {
    Head.PRM: "Qwen2ForProcessRewardModel",
    Head.TOKENS: "*ForTokenClassification",
    Head.WORDS: "*ForCausalLM that answers with a word",
    Head.LIKELIHOOD: "*ForCausalLM",
    Head.VALUE: "checkpoints with v_head.summary weights",
    Head.OUTCOME: "*ForSequenceClassification and Qwen2ForRewardModel",
}


def load(head: Head, model: str, device: str, dtype: str, words: tuple[int, int] | None) -> Loaded:
    """`words` are the tokens for right and wrong, which only Head.WORDS reads."""
    check(head, model)
    return _LOADERS[head](model, device, dtype, words)


def without_weights(head: Head, model: str) -> Any:
    """A checkpoint's model with empty weights, to count them."""
    makers = {Head.PRM: Qwen2ForProcessRewardModel, Head.TOKENS: AutoModelForTokenClassification.from_config}
    if head is Head.OUTCOME:
        name = _architecture(model)
        kind = AutoModelForSequenceClassification.from_config
        return empty_model(Qwen2ForRewardModel if name == "Qwen2ForRewardModel" else kind, model)
    return empty_model(makers.get(head, AutoModelForCausalLM.from_config), model)


def _prm(model: str, device: str, dtype: str, _: Any) -> Loaded:
    loaded = load_weights(Qwen2ForProcessRewardModel, model, device, dtype)
    return Loaded(loaded.model, lambda hidden: loaded.score(hidden).float().softmax(-1)[:, 1], _count(loaded.score))


def _tokens(model: str, device: str, dtype: str, _: Any) -> Loaded:
    loaded = load_weights(AutoModelForTokenClassification, model, device, dtype)
    classes: nn.Module = getattr(loaded, "score", None) or loaded.classifier
    if loaded.config.num_labels != 2:
        raise ModelError(f"model={model} has {loaded.config.num_labels} labels; a step is wrong (0) or right (1)")
    return Loaded(loaded.base_model, lambda hidden: classes(hidden).float().softmax(-1)[:, 1], _count(classes))


def _words(model: str, device: str, dtype: str, words: tuple[int, int] | None) -> Loaded:
    assert words is not None
    loaded = load_weights(AutoModelForCausalLM, model, device, dtype)
    rows = loaded.get_output_embeddings().weight[list(words)]
    return Loaded(loaded.base_model, lambda hidden: (hidden @ rows.T).float().softmax(-1)[:, 0], rows.numel())


def _likelihood(model: str, device: str, dtype: str, _: Any) -> Loaded:
    """Its scores are log-probabilities, [n, vocabulary]."""
    loaded = load_weights(AutoModelForCausalLM, model, device, dtype)
    rows = loaded.get_output_embeddings().weight
    return Loaded(loaded.base_model, lambda hidden: (hidden @ rows.T).float().log_softmax(-1), rows.numel())


def _value(model: str, device: str, dtype: str, _: Any) -> Loaded:
    weights = _extra(model, ("v_head.summary.weight", "v_head.summary.bias"))
    loaded = load_weights(AutoModelForCausalLM, model, device, dtype)
    weight, bias = (part.to(device, torch.float32) for part in weights)
    return Loaded(loaded.base_model, lambda hidden: (hidden.float() @ weight.T + bias).sigmoid()[:, 0], weight.numel())


def _outcome(model: str, device: str, dtype: str, _: Any) -> Loaded:
    name = _architecture(model)
    kind = Qwen2ForRewardModel if name == "Qwen2ForRewardModel" else AutoModelForSequenceClassification
    loaded = load_weights(kind, model, device, dtype)
    head: nn.Module | None = getattr(loaded, "score", None)
    if head is None:
        raise ModelError(f"model={model} is a {name} that judges by more than one layer on its last token")
    if loaded.config.num_labels != 1 and name != "Qwen2ForRewardModel":
        raise ModelError(f"model={model} has {loaded.config.num_labels} labels; an outcome is one number")
    return Loaded(loaded.base_model, lambda hidden: head(hidden).float()[:, 0], _count(head))


_LOADERS = {
    Head.PRM: _prm,
    Head.TOKENS: _tokens,
    Head.WORDS: _words,
    Head.LIKELIHOOD: _likelihood,
    Head.VALUE: _value,
    Head.OUTCOME: _outcome,
}


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _extra(model: str, names: tuple[str, ...]) -> list[Tensor]:
    """Weights of a checkpoint that its architecture does not name. Raises ModelError where there are none."""
    found: dict[str, Tensor] = {}
    for file in sorted(folder_of_weights(model).glob("*.safetensors")):
        with safe_open(file, "pt") as held:
            found |= {name: held.get_tensor(name) for name in names if name in held.keys()}  # noqa: SIM118
    if missing := [name for name in names if name not in found]:
        raise ModelError(f"model={model} lacks {missing[0]}; scorer=value_head reads {_READS[Head.VALUE]}")
    return [found[name] for name in names]
