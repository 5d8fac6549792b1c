"""The kinds of heads: which checkpoints have them, and how they turn a decoder's last hidden states into scores."""

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

from policies.engines.checkpoint import architecture_of, weights_of
from policies.engines.hf import empty_model, load_config, load_weights
from policies.engines.models import ModelError
from policies.engines.weight_files import weight_files
from scorers.checkpoints.heads import Head, right_label
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel, Qwen2ForRewardModel


class Checkpoint(NamedTuple):
    """What to load, and how. `words` are the token ids for right and wrong, which only Head.WORDS reads."""

    model: str
    device: str
    dtype: str
    words: tuple[int, int] | None = None

    def weights(self, model_class: Any) -> Any:
        """A model of the class. Raises ModelError as `load_weights` does."""
        return load_weights(model_class, self.model, self.device, self.dtype)


class Loaded(NamedTuple):
    """A decoder, the function from its last hidden states [n, H] to scores [n], and that head's parameter count."""

    decoder: Any
    score: Callable[[Tensor], Tensor]
    head_parameters: int


class HeadKind(NamedTuple):
    """One kind of head: `fits` tells by a checkpoint's architecture, `reads` says so in words.

    `load` loads a checkpoint; `empty` makes its model without weights, to count parameters.
    """

    fits: Callable[[str], bool]
    reads: str
    load: Callable[[Checkpoint], Loaded]
    empty: Callable[[str], Any]


def check(head: Head, model: str) -> None:
    """Raises ModelError, with the scorer that reads it, where the checkpoint is of another kind."""
    name = architecture_of(model)
    if _KINDS[head].fits(name):
        if head is Head.TOKENS:
            right_label(model, load_config(model).id2label)
        elif head is Head.OUTCOME and name.endswith("ForSequenceClassification"):
            _check_one_label(model, load_config(model).num_labels)
        return
    other = next((other for other, kind in _KINDS.items() if kind.fits(name)), None)
    hint = f"; scorer={other} reads it" if other else f"; scorer={head} reads {_KINDS[head].reads}"
    raise ModelError(f"model={model} is a {name}{hint}")


def load(head: Head, checkpoint: Checkpoint) -> Loaded:
    """Raises ModelError where the checkpoint is of another kind or lacks weights."""
    check(head, checkpoint.model)
    return _KINDS[head].load(checkpoint)


def without_weights(head: Head, model: str) -> Any:
    """A checkpoint's model with empty weights, to count parameters."""
    return _KINDS[head].empty(model)


def _ends(*endings: str) -> Callable[[str], bool]:
    return lambda architecture: architecture.endswith(endings)


def _empty(maker: Any) -> Callable[[str], Any]:
    return lambda model: empty_model(maker, model)


def _prm(checkpoint: Checkpoint) -> Loaded:
    loaded = checkpoint.weights(Qwen2ForProcessRewardModel)
    return Loaded(loaded.model, lambda hidden: loaded.score(hidden).float().softmax(-1)[:, 1], _count(loaded.score))


def _tokens(checkpoint: Checkpoint) -> Loaded:
    loaded = checkpoint.weights(AutoModelForTokenClassification)
    classes: nn.Module = getattr(loaded, "score", None) or loaded.classifier
    right = right_label(checkpoint.model, loaded.config.id2label)
    return Loaded(loaded.base_model, lambda hidden: classes(hidden).float().softmax(-1)[:, right], _count(classes))


def _words(checkpoint: Checkpoint) -> Loaded:
    assert checkpoint.words is not None
    return of_words(checkpoint.weights(AutoModelForCausalLM), checkpoint.words)


def of_words(model: Any, words: tuple[int, int]) -> Loaded:
    """A causal language model that answers with one of two tokens: the first one's share of both's probability."""
    rows = model.get_output_embeddings().weight[list(words)]
    return Loaded(model.base_model, lambda hidden: (hidden @ rows.T).float().softmax(-1)[:, 0], rows.numel())


def _likelihood(checkpoint: Checkpoint) -> Loaded:
    """Its scores are log-probabilities, [n, vocabulary]."""
    loaded = checkpoint.weights(AutoModelForCausalLM)
    rows = loaded.get_output_embeddings().weight
    return Loaded(loaded.base_model, lambda hidden: (hidden @ rows.T).float().log_softmax(-1), rows.numel())


def _value(checkpoint: Checkpoint) -> Loaded:
    weights = _stored(checkpoint.model, ("v_head.summary.weight", "v_head.summary.bias"))
    loaded = checkpoint.weights(AutoModelForCausalLM)
    weight, bias = (part.to(checkpoint.device, torch.float32) for part in weights)
    return Loaded(loaded.base_model, lambda hidden: (hidden.float() @ weight.T + bias).sigmoid()[:, 0], weight.numel())


def _outcome(checkpoint: Checkpoint) -> Loaded:
    model, name = checkpoint.model, architecture_of(checkpoint.model)
    is_qwen = name == "Qwen2ForRewardModel"
    loaded = checkpoint.weights(Qwen2ForRewardModel if is_qwen else AutoModelForSequenceClassification)
    head: nn.Module | None = getattr(loaded, "score", None)
    if head is None:
        raise ModelError(f"model={model} is a {name} that judges by more than one layer on its last token")
    return Loaded(loaded.base_model, lambda hidden: head(hidden).float()[:, 0], _count(head))


def _check_one_label(model: str, labels: int) -> None:
    if labels != 1:
        raise ModelError(f"model={model} has {labels} labels; an outcome is one number")


def _empty_outcome(model: str) -> Any:
    is_qwen = architecture_of(model) == "Qwen2ForRewardModel"
    return empty_model(Qwen2ForRewardModel if is_qwen else AutoModelForSequenceClassification.from_config, model)


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _stored(model: str, names: tuple[str, ...]) -> list[Tensor]:
    """Weights that the checkpoint's architecture does not name. Raises ModelError where one is missing."""
    tensors: dict[str, Tensor] = {}
    for path in weight_files(weights_of(model)):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in names if name in file.keys()}  # noqa: SIM118
    if missing := [name for name in names if name not in tensors]:
        raise ModelError(f"model={model} lacks {missing[0]}; scorer=value_head reads {_KINDS[Head.VALUE].reads}")
    return [tensors[name] for name in names]


_EMPTY_CAUSAL = _empty(AutoModelForCausalLM.from_config)

# `check` suggests the first kind that fits.
_KINDS = {
    Head.PRM: HeadKind(
        fits=lambda architecture: architecture == "Qwen2ForProcessRewardModel",
        reads="Qwen2ForProcessRewardModel",
        load=_prm,
        empty=_empty(Qwen2ForProcessRewardModel),
    ),
    Head.TOKENS: HeadKind(
        fits=_ends("ForTokenClassification"),
        reads="*ForTokenClassification",
        load=_tokens,
        empty=_empty(AutoModelForTokenClassification.from_config),
    ),
    Head.WORDS: HeadKind(
        fits=_ends("ForCausalLM"),
        reads="*ForCausalLM that answers with a word",
        load=_words,
        empty=_EMPTY_CAUSAL,
    ),
    Head.VALUE: HeadKind(
        fits=_ends("ForCausalLM", "ForPrmModel", "ForRewardModel"),
        reads="checkpoints with v_head.summary weights",
        load=_value,
        empty=_EMPTY_CAUSAL,
    ),
    Head.LIKELIHOOD: HeadKind(fits=_ends("ForCausalLM"), reads="*ForCausalLM", load=_likelihood, empty=_EMPTY_CAUSAL),
    Head.OUTCOME: HeadKind(
        fits=lambda architecture: (
            architecture.endswith("ForSequenceClassification") or architecture == "Qwen2ForRewardModel"
        ),
        reads="*ForSequenceClassification and Qwen2ForRewardModel",
        load=_outcome,
        empty=_empty_outcome,
    ),
}
