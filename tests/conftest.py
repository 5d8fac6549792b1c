"""Fixtures. Imports stand inside them: tests without a model start at once."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import configuration, settings

# One thread for each test process and its children: the models are so small that threads which wait for each other
# cost ten times the work as soon as anything else runs on the machine. Torch reads it when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has Ctrl-C ignored, which the processes of a test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, no time limit on one of them, and no folder left behind in the checkout.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))
settings.register_profile("stepsearch", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("stepsearch")


@pytest.fixture(scope="session")
def random_policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import Qwen2ForCausalLM

    from tests.models import save_random

    return save_random(Qwen2ForCausalLM, tmp_path_factory.mktemp("policy"), seed=0)


@pytest.fixture(scope="session")
def random_prm(tmp_path_factory: pytest.TempPathFactory) -> str:
    from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
    from tests.models import save_random

    return save_random(Qwen2ForProcessRewardModel, tmp_path_factory.mktemp("prm"), seed=1)
