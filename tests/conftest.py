"""Small models with random weights, in single precision: what is exact does not depend on training.

Imports stand inside, so that tests without a model start at once.
"""

import signal
from pathlib import Path

import pytest

# A shell that starts the tests in the background has Ctrl-C ignored, which the processes of a test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def save_random(model_class: type, folder: Path, seed: int, **knobs: object) -> str:
    """Two layers of the shipped models' shape. The weights are large, so that the next token is no even draw."""
    import torch

    from experiments.tiny.tokenizer import build_tokenizer
    from experiments.tiny.train_policy import config

    tokenizer = build_tokenizer()
    shape = config(tokenizer).to_dict() | {"num_hidden_layers": 2, "layer_types": None, "initializer_range": 0.1}
    torch.manual_seed(seed)
    model = model_class(type(config(tokenizer)).from_dict(shape | knobs))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def random_policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import Qwen2ForCausalLM

    return save_random(Qwen2ForCausalLM, tmp_path_factory.mktemp("policy"), seed=0)


@pytest.fixture(scope="session")
def random_prm(tmp_path_factory: pytest.TempPathFactory) -> str:
    from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel

    return save_random(Qwen2ForProcessRewardModel, tmp_path_factory.mktemp("prm"), seed=1)
