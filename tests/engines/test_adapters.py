"""LoRA adapters: what is written with one, against the model with the adapter added to its weights by hand."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.errors import ConfigError
from experiments.runs.fingerprints import fingerprints
from policies.engines.adapters import adapter_of
from policies.engines.hf_adapter import check_adapter
from policies.engines.models import ModelError
from policies.hf import HF
from policies.vllm import VLLM
from policies.writing import Writing
from tests.models import QUESTIONS, SERVED, WEIGHTS, change, ids_of, together, vllm

peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed here")
RANK, ALPHA = 4, 16
ADAPTER = "adapter_model.safetensors"
PLACES = [f"model.layers.{layer}.self_attn.{part}" for layer in (0, 1) for part in ("q_proj", "v_proj")]


@pytest.fixture(scope="module")
def adapter(random_policy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter as peft saves it, with weights large enough to change what is written."""
    folder, weights = tmp_path_factory.mktemp("adapter"), load_file(Path(random_policy) / WEIGHTS)
    torch.manual_seed(7)
    pairs = {}
    for place in PLACES:
        rows, columns = weights[f"{place}.weight"].shape
        pairs[f"base_model.model.{place}.lora_A.weight"] = torch.randn(RANK, columns) * 0.2
        pairs[f"base_model.model.{place}.lora_B.weight"] = torch.randn(rows, RANK) * 0.2
    save_file(pairs, folder / ADAPTER, {"format": "pt"})
    knobs: dict[str, Any] = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "task_type": "CAUSAL_LM"}
    knobs |= {"target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": random_policy, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(knobs))
    return folder


@pytest.fixture(scope="module")
def merged(random_policy: str, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model with the adapter in its weights: W + alpha / rank x B A."""
    folder = Path(copytree(random_policy, tmp_path_factory.mktemp("merged") / "model"))
    weights, pairs = load_file(folder / WEIGHTS), load_file(adapter / ADAPTER)
    for place in PLACES:
        a, b = (pairs[f"base_model.model.{place}.lora_{part}.weight"] for part in "AB")
        weights[f"{place}.weight"] += ALPHA / RANK * b @ a
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    return str(folder)


def written(policy: Writing) -> list[list[int]]:
    return [ids_of(steps) for steps in together(policy, [(question, 0) for question in QUESTIONS])]


@peft
def test_an_adapter_writes_as_the_model_it_is_merged_into(random_policy: str, adapter: Path, merged: str):
    knobs: dict[str, Any] = {"temperature": 0, "max_tokens": 20, "dtype": "float32"}
    expected = written(HF(merged, **knobs))
    with_it = HF(random_policy, str(adapter), **knobs)
    assert written(with_it) == expected
    plain = HF(random_policy, **knobs)
    assert written(plain) != expected, "the adapter changes nothing, or stays on a model that others share"
    flops = with_it.engine.flops
    assert flops.body == plain.engine.flops.body + adapter_of(str(adapter)).parameters
    assert flops[1:] == plain.engine.flops[1:]


@vllm
def test_an_adapter_writes_the_same_on_vllm(random_policy: str, adapter: Path, merged: str):
    knobs: dict[str, Any] = {"temperature": 0, "max_tokens": 20, "dtype": "float32"}
    policy = VLLM(random_policy, str(adapter), cache_gb=0.1, **SERVED, **knobs)
    try:
        assert written(policy) == written(HF(merged, **knobs))
        plain = HF(random_policy, **knobs)
        assert policy.engine.flops.body == plain.engine.flops.body + adapter_of(str(adapter)).parameters
    finally:
        policy.engine.server.close()


@peft
def test_an_adapter_of_another_model_is_refused(adapter: Path, tmp_path: Path):
    with pytest.raises(ModelError, match="does not fit on model=tiny"):
        HF("tiny", str(renamed(adapter, tmp_path / "names"))).load()


def renamed(adapter: Path, folder: Path) -> Path:
    """The same for layers that the small model does not have."""
    copytree(adapter, folder)
    pairs = load_file(folder / ADAPTER)
    names = {name: name.replace("layers.1", "layers.77") for name in pairs}
    save_file({names[name]: pair for name, pair in pairs.items()}, folder / ADAPTER)
    return folder


def test_it_is_a_part_of_the_fingerprint(random_policy: str, adapter: Path):
    plain, with_it = (fingerprints(policy=HF(random_policy, name)) for name in (None, str(adapter)))
    assert "policy.adapter" not in plain
    assert with_it["policy.adapter"] != with_it["policy.model"] == plain["policy.model"]


def edit(**knobs: Any) -> Callable[[Path], object]:
    return lambda folder: change(folder, "adapter_config.json", **knobs)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "adapter_config.json").unlink(),
            "adapter=.*: no config.json in",
        ),
        (edit(peft_type="IA3"), "adapter=.* is an adapter of type IA3; only LoRA is read"),
        (
            lambda folder: (folder / ADAPTER).unlink(),
            "adapter=.*: there are no safetensors|no adapter_",
        ),
        (
            lambda folder: (folder / ADAPTER).write_bytes(b"version https://git-lfs"),
            "adapter=.*: adapter_model.safetensors in .* is a pointer of Git LFS",
        ),
    ],
)
def test_an_adapter_that_cannot_be_read_says_why(
    spoil: Callable[[Path], Any], message: str, adapter: Path, tmp_path: Path
):
    folder = Path(copytree(adapter, tmp_path / "adapter"))
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        adapter_of(str(folder))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"use_dora": True}, "has use_dora, which vLLM does not run: take policy=hf, or merge it"),
        ({"modules_to_save": ["lm_head"]}, "has modules_to_save"),
        ({"bias": "all"}, "has bias"),
        ({"r": 1024}, "is of rank 1024, above 512"),
    ],
)
def test_what_vllm_does_not_run_is_said_before_it_starts(
    knobs: dict[str, Any], message: str, adapter: Path, tmp_path: Path
):
    assert adapter_of(str(adapter)).arguments() == {"enable_lora": True, "max_loras": 1, "max_lora_rank": 8}
    folder = Path(copytree(adapter, tmp_path / "adapter"))
    edit(**knobs)(folder)
    with pytest.raises(ModelError, match=message):
        adapter_of(str(folder)).arguments()


def test_peft_is_named_where_it_is_missing(adapter: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("policies.engines.hf_adapter.find_spec", lambda module: None)
    with pytest.raises(ModelError, match=r"pip install 'stepsearch\[lora\]'"):
        check_adapter(str(adapter))


@pytest.mark.parametrize("role", ["scorer", "second"])
def test_a_scorer_takes_a_merged_model(role: str):
    with pytest.raises(ConfigError, match=rf"{role}\.adapter: no such knob; .*merge_and_unload.*{role}\.model="):
        compose(Solve, ["second=outcome", f"{role}.adapter=mine"])
