"""Fixtures. Imports stand inside them: tests without a model start at once."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import configuration, settings

from tests.patience import patience, skipped

# One thread for each test process and its children: the models are so small that threads which wait for each other
# cost ten times the work as soon as anything else runs on the machine. Torch reads it when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has Ctrl-C ignored, which the processes of a test would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run, no time limit on one of them, and no folder left behind in the checkout.
configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))
settings.register_profile("stepsearch", derandomize=True, deadline=None, database=None, max_examples=40)
settings.load_profile("stepsearch")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """A test's limit of time grows with the machine's load, read when the test begins."""
    own = item.get_closest_marker("timeout")
    seconds = float(own.args[0]) if own and own.args else float(item.config.getini("timeout") or 0)
    item.add_marker(pytest.mark.timeout(patience(seconds)), append=False)
    return (yield)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says in a line why tests were skipped."""
    reports = terminalreporter.stats.get("skipped", [])
    if reports:
        terminalreporter.write_line(skipped(report.longrepr[2] for report in reports))


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
