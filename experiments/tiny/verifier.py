"""A PRM built on a policy: the policy's layers unchanged, beside them a second stream, on top a layer that compares.

A policy foretells each next token, so a mistake shows as a token that it did not foretell. Training alone is slow to
find this comparison, so it is built in; what is trained are two layers above it and the head. H is the policy's width:

    dimensions   0..H-1      the policy's own stream
               H..3H/2-1     what each token is, carried past the policy's layers too small for them to feel
            3H/2..2H-2       what the token before foretold, fetched by the first new layer's attention
                  2H-1       their product less a threshold: about the logit of the token that stands there, so below
                             zero where it was not foretold
"""

from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2ForCausalLM

from experiments.tiny.train_policy import config
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel

WHISPER = 0.03  # how small the carried tokens are beside the policy's stream


HUSH = 0.3  # how much of the policy's stream the new layers hear


THRESHOLD = 17.0  # 5 % of the small policy's right steps and 95 % of its wrong ones hold a token of a lower logit


LOUDNESS = 12.0  # how large the product is beside the policy's stream


@torch.no_grad()
def verifier(policy: Qwen2ForCausalLM, tokenizer: Any, tag: str, delimiter: str) -> Qwen2ForProcessRewardModel:
    """The untrained PRM; `tag` will stand where the policy writes `delimiter`, and so looks like it."""
    small: Any = policy.config
    width, old = small.hidden_size, small.num_hidden_layers
    head_size = width // small.num_attention_heads
    shape = config(tokenizer, 2 * width, old + 3, head_size, intermediate=small.intermediate_size)
    model: Any = Qwen2ForProcessRewardModel(shape)
    tag_id, delimiter_id = tokenizer.convert_tokens_to_ids([tag, delimiter])
    tokens = policy.model.embed_tokens.weight.clone()
    tokens[tag_id] = tokens[delimiter_id]
    reading = _main_directions(tokens, width // 2 - 2)

    embedding = model.model.embed_tokens.weight
    _fill(embedding, tokens)
    embedding[:, width : width + len(reading)] = tokens @ reading.T * WHISPER
    embedding[:, width + len(reading)] = WHISPER  # the threshold's term
    for new, layer in zip(model.model.layers, policy.model.layers, strict=False):
        _copy_layer(new, layer, width)
    for new in model.model.layers[old:]:
        _listen(new.input_layernorm.weight, width)
        _listen(new.post_attention_layernorm.weight, width)
    _listen(model.model.norm.weight, width)
    _compare(model.model.layers[old], policy.model.norm.weight, reading, head_size)
    # Frozen: Muon's first steps would take the comparison apart.
    for part in (model.model.embed_tokens, *model.model.layers[: old + 1]):
        part.requires_grad_(False)
    return model


def _main_directions(embedding: Tensor, count: int) -> Tensor:
    """The directions in which the tokens differ most, [count, H]."""
    return torch.linalg.svd(embedding - embedding.mean(0), full_matrices=False).Vh[:count]


def _fill(wide: Tensor, narrow: Tensor) -> None:
    """`narrow` in the first corner of `wide`, zeros elsewhere."""
    wide.zero_()
    wide[tuple(slice(0, size) for size in narrow.shape)] = narrow


def _copy_layer(wide: Any, narrow: Any, width: int) -> None:
    """The policy's layer on the policy's stream: it reads and writes nothing else."""
    new, old = dict(wide.named_parameters()), dict(narrow.named_parameters())
    for name, weight in new.items():
        _fill(weight, old[name])
        if name.endswith("layernorm.weight"):
            # Twice as many dimensions, half of them silent, halve the mean square.
            weight[:width] *= 0.5**0.5


def _listen(norm: Tensor, width: int) -> None:
    """Brings what is carried, and what layers add to it, up to the loudness of the rest."""
    norm[:width] = HUSH
    norm[width : width + width // 2] = 1 / WHISPER


def _compare(layer: Any, norm: Tensor, reading: Tensor, head_size: int) -> None:
    """Fetches what the token before foretold and multiplies it with what the token is."""
    directions, width = reading.shape
    terms = directions + 1  # of the product: one a direction, and the threshold
    start, product = width + width // 2, 2 * width - 1
    carried, fetched = slice(width, width + terms), slice(start, start + terms)
    attention, mlp = layer.self_attn, layer.mlp
    # fetch
    layer.input_layernorm.weight[:width] = norm * 0.5**0.5  # as in _copy_layer
    look_back(attention, head_size)
    attention.v_proj.weight[:terms] = 0
    attention.v_proj.bias[:terms] = 0
    attention.v_proj.weight[:directions, :width] = reading
    attention.v_proj.bias[directions] = -THRESHOLD
    attention.o_proj.weight.zero_()
    share = attention.num_key_value_groups * head_size
    for place in range(terms):
        column = place // head_size * share + place % head_size
        attention.o_proj.weight[start + place, column] = 1

    # multiply: silu(a) b + silu(-a) (-b) = a b
    mlp.gate_proj.weight.zero_()
    mlp.up_proj.weight.zero_()
    mlp.down_proj.weight.zero_()
    for sign, rows in ((1, slice(0, terms)), (-1, slice(terms, 2 * terms))):
        mlp.gate_proj.weight[rows, carried] = sign * torch.eye(terms)
        mlp.up_proj.weight[rows, fetched] = sign * torch.eye(terms)
    mlp.down_proj.weight[product, : 2 * terms] = LOUDNESS


def look_back(attention: Any, head_size: int, strength: float = 60.0) -> None:
    """Makes all heads attend to the token before, by their biases alone.

    A query and a key that are the same everywhere score, a rotary frequency f at a time, cos(f (distance - 1)).
    """
    half = head_size // 2
    frequencies = 10_000.0 ** (-torch.arange(half) / half)
    queries = torch.cat([frequencies.cos(), -frequencies.sin()]) * strength
    keys = torch.cat([torch.ones(half), torch.zeros(half)])
    for projection, bias in ((attention.q_proj, queries), (attention.k_proj, keys)):
        projection.weight.zero_()
        projection.bias.copy_(bias.repeat(len(projection.bias) // head_size))
