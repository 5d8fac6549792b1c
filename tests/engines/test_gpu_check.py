"""The check of a GPU, where there is none: what it says, its limit, and its measurements on small shapes."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from experiments.benchmarks import gpu_check
from experiments.benchmarks.random_models import SHAPES, make, random_weights
from experiments.commands.solve import Solve
from experiments.commands.sweep import Sweep, build_sweep
from experiments.config.compose import compose
from experiments.config.schema import build
from policies.engines import vllm as runtime
from policies.engines.hf import empty_model, load_tokenizer
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checkpoints.forms import token_id
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
from scorers.prm import PRM, STEP_TAG
from tests.models import vllm
from tests.patience import patience

TINY = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
TINY |= {"num_key_value_heads": 1, "vocab_size": 1000, "max_position_embeddings": 1024}


def test_without_a_gpu_it_says_so_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["gpu_check"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_check.main() == 2
    assert "needs an NVIDIA GPU that torch can use; there is none here, and nothing was run" in capsys.readouterr().out


@pytest.mark.slow
def test_the_shapes_are_those_of_the_published_models(tmp_path: Path):
    """Their cards say 1.54 billion parameters, 7.61 with the head of a language model; a reward model has none."""
    policy = make(tmp_path / "policy", "Qwen2ForCausalLM", **SHAPES["Qwen2.5-Math-1.5B"])
    prm = make(tmp_path / "prm", "Qwen2ForProcessRewardModel", **SHAPES["Qwen2.5-Math-7B"])
    assert empty_model(AutoModelForCausalLM.from_config, policy).num_parameters() == pytest.approx(1.54e9, rel=0.01)
    assert empty_model(Qwen2ForProcessRewardModel, prm).num_parameters() == pytest.approx(7.07e9, rel=0.01)
    tokenizer = load_tokenizer(prm)
    assert 151_000 < len(tokenizer) <= 152_064 and token_id(tokenizer, STEP_TAG) < 152_064
    assert tokenizer.decode(tokenizer.encode("(1 + 2) =\n\n7")) == "(1 + 2) =\n\n7"


@pytest.mark.slow
def test_it_ends_by_its_own_limit():
    code = "import time\nfrom experiments.benchmarks.gpu_check import limit\nwith limit(0.5): time.sleep(60)"
    start = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1 and "gpu-check: stopped after 0.5 s" in ended.stderr
    assert time.monotonic() - start < patience(25)


@vllm
def test_it_measures_searches_on_random_weights(tmp_path: Path):
    knobs: Any = {"context": 768, "cache_gb": 0.2, "gpu_memory": 0.1, "dtype": "float32"}
    policy = VLLM(make(tmp_path / "policy", "Qwen2ForCausalLM", **TINY), max_tokens=48, max_step_tokens=16, **knobs)
    prm = PRM(model=make(tmp_path / "prm", "Qwen2ForProcessRewardModel", **TINY), engine=Engine.VLLM, **knobs)
    reader: Any = None
    try:
        with random_weights():
            policy.start_loading()
            prm.start_loading()
        assert "dummy" not in str(runtime.engine_arguments), "the block has ended"
        reader = prm.reader
        rows = list(gpu_check.measure(gpu_check.Knobs(problems=3, n=4), policy, prm))
    finally:
        policy.engine.server.close()
        if reader is not None:
            reader.server.close()
    assert len(rows) == 11 and all(row.ratio > 0 for row in rows)
    tokens = [row for row in rows if "tokens / least" in row.what]
    assert len(tokens) == 2 and all(row.in_bounds for row in tokens)


@pytest.mark.parametrize("words", [gpu_check.ON_CUDA, gpu_check.ON_VLLM])
def test_its_commands_are_those_of_this_version(words: list[str]):
    assert build(compose(Solve, ["search=mcts", *words])).policy
    assert build_sweep(compose(Sweep, ["problems.limit=3", "budgets=4", "out=runs/hf", *words])).policy
