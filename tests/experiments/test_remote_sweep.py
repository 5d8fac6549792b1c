"""Sweeps on servers: what the run folder keeps of them, and how a run goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.command_line import result_lines, run
from tests.engines.stub import Stub

pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
WORDS = (
    "sweep policy=vllm scorer=checks searchers=best_of_n problems.limit=2 policy.max_steps=4 policy.max_step_tokens=8"
)


@pytest.fixture
def stubs() -> Iterator[list[Stub]]:
    made = [Stub(), Stub(), Stub(weights="second")]
    yield made
    for each in made:
        each.close()


@pytest.mark.slow
def test_a_run_goes_on_where_the_servers_are_now_and_not_on_other_weights(
    stubs: list[Stub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("VLLM_API_KEY", "a-secret")
    first, moved, other = stubs
    out = tmp_path / "run"
    assert run(*WORDS.split(), f"policy.url={first.url}", "budgets=1", f"out={out}") == 0
    kept = json.loads((out / "inputs.json").read_text())
    assert json.loads(kept["policy.url"])["root"] == "/models/tiny" and json.loads(kept["policy.url"])["numbers"]
    before = len(result_lines(out))
    assert run("sweep", f"run={out}", f"policy.url={moved.url},{first.url}", "budgets=1,2") == 0
    assert len(result_lines(out)) > before
    assert OmegaConf.load(out / "config.yaml").policy.url == [moved.url, first.url]
    capsys.readouterr()
    assert run("sweep", f"run={out}", f"policy.url={other.url}", "budgets=1,2") == 2
    assert "was started with different inputs: policy.url" in capsys.readouterr().err
    assert not any("a-secret" in file.read_text() for file in out.glob("*.*") if file.suffix in (".json", ".yaml"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("policy.url=http://a:1 policy.gpu_memory=0.3", "gpu_memory=0.3 has no effect with url=http://a:1"),
        ("policy.url=http://a:1 policy.dtype=float32", "dtype=float32 has no effect with url="),
        ("policy.url=http://a:1 policy.vllm.enforce_eager=true", "vllm=.* has no effect with url="),
        ("policy.url=http://me:word@a:1", "leave name, password and key out of it; the key is read from VLLM_API_KEY"),
        ("policy.url=a:8000", "give http://HOST:PORT"),
        ("policy.url=http://a:1,http://a:1/v1", "name each server once"),
        ("policy.served=x", "served=x is the model's name on a server; give the server too"),
        ("policy.gpus=0,0", "name each GPU once"),
        ("policy.vllm.kv_cache_dtype=fp8", "vllm.kv_cache_dtype is refused: a cache of lower precision"),
        ("policy.vllm.max_model_len=5", "vllm.max_model_len is refused: it is the knob context"),
        ("policy.vllm.enable_prefix_caching=false", "vllm.enable_prefix_caching is refused: without a prefix cache"),
        ("policy.vllm.speculative_config=x", "vllm.speculative_config is refused: tokens of a rejected draft"),
        ("scorer=prm scorer.url=http://a:1", "url=http://a:1 needs engine=vllm"),
        ("scorer=implicit scorer.engine=vllm scorer.url=http://a:1", "scorer=implicit reads with two models"),
    ],
)
def test_knobs_that_do_not_go_together(words: str, said: str, capsys: pytest.CaptureFixture[str]):
    import re

    assert run("solve", "1 + 1 =", "policy=vllm", "scorer=checks", *words.split()) == 2
    assert re.search(said, capsys.readouterr().err)
