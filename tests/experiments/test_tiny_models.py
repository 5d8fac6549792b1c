"""The shipped models: their form, and their figures as bounds on a fixed set of unseen problems.

Problems of one and two groups, seed 1000003: 100 of them with 8 samples each, and 200 with 16.
Figures move by a few samples between machines, because bf16 rounds differently, so the bounds stand well below what
the model cards report.
"""

import asyncio
import json
from pathlib import Path

import pytest

from experiments.analysis.differences import gain
from experiments.analysis.step_metrics import auc, up_to_first_error
from experiments.tiny.evaluate import Knobs, accuracies, best_of_n, judged
from policies.engines.models import SHIPPED
from search import Tree

MEGABYTE = 1_000_000


@pytest.fixture(scope="module", params=[(100, 8), (200, 16)], ids=["100", "200"])
def trees(request: pytest.FixtureRequest) -> list[Tree]:
    problems, n = request.param
    return asyncio.run(best_of_n(Knobs(problems=problems, n=n)))


@pytest.mark.parametrize(
    ("name", "architecture"), [("tiny", "Qwen2ForCausalLM"), ("tiny-prm", "Qwen2ForProcessRewardModel")]
)
def test_form(name: str, architecture: str):
    folder = Path(SHIPPED[name])
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [architecture]
    assert config["model_type"] == "qwen2"
    assert config["max_position_embeddings"] == 8192
    assert config["hidden_size"] // config["num_attention_heads"] in (32, 64)
    assert (folder / "model.safetensors").stat().st_size < 8 * MEGABYTE
    assert not list(folder.glob("*.bin")), "safetensors only"


@pytest.mark.slow
def test_the_policy_is_right_often_but_not_always(trees: list[Tree]):
    assert 0.5 <= accuracies(trees)["one sample"].mean() <= 0.95


@pytest.mark.slow
def test_the_prm_tells_right_steps_from_wrong_ones(trees: list[Tree]):
    scores, right = up_to_first_error(judged(trees))
    assert (~right).sum() >= 30, "too few wrong steps to judge by"
    assert auc(scores, right) >= 0.95


@pytest.mark.slow
def test_the_prm_repairs_what_one_sample_gets_wrong(trees: list[Tree]):
    rows = accuracies(trees)
    for other in ("one sample", "majority") if len(trees) >= 200 else ("one sample",):  # 100 are too few for the other
        assert gain(rows["best by min"], rows[other]).interval.low > 0, f"over {other}"
