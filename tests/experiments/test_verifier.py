"""The PRM before its training: the policy within it is the policy, and its comparison finds what was not foretold."""

import random
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM

from experiments.problems import arithmetic
from experiments.tiny.train_prm import Reader
from experiments.tiny.verifier import verifier
from policies.engines.hf import load_tokenizer
from policies.engines.models import locate
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
from scorers.prm import STEP_TAG

PROBLEMS = 40


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(load_tokenizer("tiny"))


@pytest.fixture(scope="module")
def policy() -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM.from_pretrained(locate("tiny"), dtype=torch.float32)


@pytest.fixture(scope="module")
def untrained(policy: Qwen2ForCausalLM, reader: Reader) -> Qwen2ForProcessRewardModel:
    return verifier(policy, reader.tokenizer, STEP_TAG, "\n\n").eval()


def solutions() -> list[tuple[str, list[str]]]:
    trees = arithmetic.problem_set(31, PROBLEMS, (1, 2))
    return [(arithmetic.question(tree), arithmetic.solution(tree)) for tree in trees]


@torch.no_grad()
def streams(model: Any, ids: list[int]) -> tuple[torch.Tensor, ...]:
    """After each layer, [tokens, width]."""
    return tuple(layer[0] for layer in model.model(torch.tensor([ids]), output_hidden_states=True).hidden_states)


def test_the_policy_within_is_the_policy(policy: Any, untrained: Any, reader: Reader):
    layers, width = policy.config.num_hidden_layers, policy.config.hidden_size
    for question, steps in solutions()[:5]:
        ids, _ = reader.document(question, steps, [1.0] * len(steps), steps)
        delimiter = reader.tokenizer.convert_tokens_to_ids("\n\n")
        read = [delimiter if token == reader.tag else token for token in ids]
        theirs = streams(policy, read)[layers - 1]  # the last one is normalised
        ours = streams(untrained, ids)[layers - 1][:, :width]
        assert torch.nn.functional.cosine_similarity(ours, theirs).min() > 0.999


def test_the_comparison_is_lowest_at_a_digit_that_was_changed(policy: Any, untrained: Any, reader: Reader):
    rng, layers = random.Random(0), policy.config.num_hidden_layers
    digits = reader.tokenizer.convert_tokens_to_ids(list("0123456789"))
    found = 0
    for question, steps in solutions():
        ids, labels = reader.document(question, steps, [1.0] * len(steps), steps)
        start = labels.index(1)
        changed = rng.choice([place for place in range(start, len(ids)) if ids[place] in digits])
        ids[changed] = rng.choice([digit for digit in digits if digit != ids[changed]])
        product = streams(untrained, ids[: changed + 1])[layers + 1][:, -1]
        found += int(product[start:].argmin()) + start == changed
    assert found >= 0.8 * PROBLEMS, f"{found} of {PROBLEMS}"


def test_only_what_is_new_above_the_comparison_is_trained(untrained: Any, policy: Any):
    layers = policy.config.num_hidden_layers + 1
    frozen = {name for name, weight in untrained.named_parameters() if not weight.requires_grad}
    assert frozen == {
        name
        for name, _ in untrained.named_parameters()
        if name.startswith(("model.embed_tokens.", *(f"model.layers.{place}." for place in range(layers))))
    }
