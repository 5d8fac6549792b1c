"""The FLOPs that a ledger charges against torch's own counter on a real forward pass."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

from policies.engines.flops import Flops
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel


def counted(model: Any, **inputs: object) -> float:
    """Matrix products alone: torch's counter leaves out norms, biases, softmax and rotary embeddings."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(**inputs)
    return float(counter.get_total_flops())


def masked_half(flops: Flops, tokens: int) -> float:
    """What the counter charges above the diagonal of the attention matrix; the ledger counts what is needed."""
    return 4.0 * flops.attention * (tokens * tokens - tokens * (tokens + 1) / 2)


def eager(folder: str, model_class: Any = AutoModelForCausalLM) -> Any:
    """The fused attention of CPUs is unknown to the counter."""
    return model_class.from_pretrained(folder, attn_implementation="eager")


@pytest.mark.parametrize("tokens", [8, 200])
def test_reading_a_prompt(random_policy: str, tokens: int):
    model = eager(random_policy)
    flops = Flops.of(model.base_model, model.lm_head.weight.numel())
    theirs = counted(model, input_ids=torch.ones(1, tokens, dtype=torch.long), logits_to_keep=1)
    assert flops.forward(0, tokens, 1) == pytest.approx(theirs - masked_half(flops, tokens), rel=0.01)


def test_one_more_token_behind_a_cached_prompt(random_policy: str):
    model = eager(random_policy)
    flops = Flops.of(model.base_model, model.lm_head.weight.numel())
    cache = model(torch.ones(1, 300, dtype=torch.long), use_cache=True).past_key_values
    theirs = counted(model, input_ids=torch.ones(1, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
    assert flops.forward(300, 1, 1) == pytest.approx(theirs, rel=0.01)


def test_a_solution_is_the_sum_of_its_forward_passes(random_policy: str):
    model = eager(random_policy)
    flops = Flops.of(model.base_model, model.lm_head.weight.numel())
    passes = flops.forward(0, 50, 1) + sum(flops.forward(50 + i, 1, 1) for i in range(20))
    assert flops.forward(0, 70, 21) == pytest.approx(passes, rel=1e-12)


def test_reading_steps_with_a_reward_model(random_prm: str):
    model = eager(random_prm, Qwen2ForProcessRewardModel)
    flops = Flops.of(model.model, sum(parameter.numel() for parameter in model.score.parameters()))
    theirs = counted(model, input_ids=torch.ones(1, 120, dtype=torch.long))  # its forward judges every token
    assert flops.forward(0, 120, 120) == pytest.approx(theirs - masked_half(flops, 120), rel=0.01)


def test_an_untied_head_and_wide_heads_are_counted_too():
    shape: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "vocab_size": 500, "num_hidden_layers": 3}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 32}
    config = Qwen2Config(**shape, **heads, tie_word_embeddings=False)
    config._attn_implementation = "eager"
    model = Qwen2ForCausalLM(config)
    flops = Flops.of(model.base_model, model.lm_head.weight.numel())
    assert flops.attention == 3 * 4 * 32
    theirs = counted(model, input_ids=torch.ones(1, 100, dtype=torch.long))
    assert flops.forward(0, 100, 100) == pytest.approx(theirs - masked_half(flops, 100), rel=0.02)
