"""Draws tokens by Gumbel-max with keyed noise: a row's draw depends on its own key, never on its batch."""

from typing import Any

import torch
from torch import Tensor
from transformers import TopKLogitsWarper, TopPLogitsWarper

from policies.engines.rows import Sampling

# SplitMix64 (Steele, Lea, Flood 2014), as the two's complement of its constants.
_GAMMA, _MIX_1, _MIX_2 = (c - (1 << 64) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def draw(logits: Tensor, sampling: Sampling, seeds: Tensor, position: int, barred: Tensor | None = None) -> Tensor:
    """One token for each row, from the model's last logits, [rows, vocabulary]; never one of the ids in `barred`.

    Returns [3, rows]: its id (exact below 2**24), its log-probability under the raw model (temperature 1, before top-k,
    top-p and `barred`) and the raw model's entropy there, in nats. `position` counts the tokens drawn so far.
    """
    raw = torch.log_softmax(logits.float(), -1)
    noisy = allowed = raw if barred is None else raw.index_fill(-1, barred, -torch.inf)
    if sampling.temperature > 0:
        noisy = warp(allowed / sampling.temperature, sampling) + gumbel(seeds, position, raw.shape[-1])
    ids = noisy.argmax(-1, keepdim=True)
    entropy = torch.special.entr(raw.exp()).sum(-1)
    return torch.stack([ids[:, 0].float(), raw.gather(-1, ids)[:, 0], entropy])


def warp(logits: Any, sampling: Sampling) -> Any:
    """Sets tokens outside of top_k, then of top_p, to minus infinity."""
    if sampling.top_k:
        logits = TopKLogitsWarper(sampling.top_k)(logits, logits)
    if sampling.top_p < 1:
        logits = TopPLogitsWarper(sampling.top_p)(logits, logits)
    return logits


def gumbel(seeds: Tensor, position: int, size: int) -> Tensor:
    """Standard Gumbel noise, [rows, size]: a function of each row's seed and of the position, equal on every device."""
    counter = torch.arange(position * size + 1, (position + 1) * size + 1, device=seeds.device)
    bits = seeds[:, None] + counter * _GAMMA
    bits = (bits ^ _shift(bits, 30)) * _MIX_1
    bits = (bits ^ _shift(bits, 27)) * _MIX_2
    bits = _shift(bits ^ _shift(bits, 31), 24)
    # Forty bits keep the small end of (0, 1), where the large noise comes from, exact in single precision.
    uniform = (bits.float() + 0.5) * 2.0**-40
    return uniform.neg_().log1p_().neg_().log_().neg_()


def _shift(bits: Tensor, places: int) -> Tensor:
    """Logical shift to the right."""
    return (bits >> places) & ((1 << (64 - places)) - 1)
