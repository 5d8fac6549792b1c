"""What needs no vLLM: the version and GPU shares that are refused, checkpoints, and the rows that it returns."""

from pathlib import Path
from shutil import copytree

import pytest
import torch

from policies.engines import vllm, vllm_arguments
from policies.engines.hub import folder_of
from policies.engines.models import ModelError, locate
from policies.engines.server import Rows
from policies.engines.share import Engine, Share
from policies.engines.weight_files import weight_bytes
from scorers.checkpoints.vllm_reader import scores_at
from scorers.prm import PRM


def test_a_vllm_that_is_missing_or_too_old_is_a_clear_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vllm_arguments, "_installed", lambda package: None)
    with pytest.raises(ModelError, match=r"vLLM is not installed: pip install"):
        vllm_arguments.check_version()
    monkeypatch.setattr(vllm_arguments, "_installed", lambda package: vllm_arguments.Version("0.9.1"))
    with pytest.raises(ModelError, match=r"vLLM 0\.9\.1 is installed; stepsearch needs 0\.20 or newer"):
        vllm_arguments.check_version()


def test_shares_of_a_gpu_that_do_not_fit_are_refused_with_the_numbers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vllm_arguments, "_shares", [])
    memory, weights = 80 * 10**9, 3 * 10**9
    with pytest.raises(ModelError, match=r"model=m has 31\.0 GB of weights; gpu_memory=0\.3 of GPU 0 is 24\.0 GB"):
        vllm_arguments.take_share("m", Share(gpu_memory=0.3), memory, 31 * 10**9)
    with pytest.raises(ModelError, match=r"3\.0 GB of weights and cache_gb=22; gpu_memory=0\.3 of GPU 0 is 24\.0 GB"):
        vllm_arguments.take_share("m", Share(gpu_memory=0.3, cache_gb=22), memory, weights)
    vllm_arguments.take_share("m", Share(gpu_memory=0.55), memory, weights)
    with pytest.raises(
        ModelError, match=r"0\.55 of it is taken, and .* lower policy\.gpu_memory or scorer\.gpu_memory"
    ):
        vllm_arguments.take_share("m", Share(gpu_memory=0.5), memory, weights)
    vllm_arguments.take_share("m", Share(gpu_memory=0.5, gpu=1), memory, weights)
    vllm_arguments.take_share("m", Share(gpu_memory=0.4), memory, weights)  # together 0.95, which may be taken


def test_weights_are_counted_as_they_are_loaded():
    """The small policy's file holds 0.8 M numbers; float32 takes four bytes of each."""
    half, whole = (weight_bytes("tiny", folder_of("tiny"), size) for size in (2, 4))
    assert whole == 2 * half and 1.6e6 < half < 1.8e6
    assert 7.0e6 < weight_bytes("tiny-prm", folder_of("tiny-prm"), 2) < 7.3e6


def test_a_prm_that_cannot_be_read_starts_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(vllm, "Server", lambda *_: pytest.fail("an engine was started"))
    with pytest.raises(ModelError, match="scorer=lm_head_prm reads it"):
        PRM(model="tiny", engine=Engine.VLLM).load()
    copytree(locate("tiny-prm"), tmp_path / "prm")
    for file in (tmp_path / "prm").glob("*.json"):
        file.write_text(file.read_text().replace("<extra_0>", "<other>"))
    with pytest.raises(ModelError, match="its tokenizer has no <extra_0>"):
        PRM(model=str(tmp_path / "prm"), engine=Engine.VLLM).load()


def test_rows_of_the_wrong_number_or_value_are_refused():
    def output(rows: list[list[float]]) -> Rows:
        return Rows(torch.tensor(rows), len(rows), prompt=10, cached=4)

    assert scores_at(output([[0.75, 0.25]] * 6), [5, 9]) == [0.25, 0.25]
    assert scores_at(output([[0.75, 0.25]] * 6), [3, 9]) is None, "a wanted tag was cached"
    assert scores_at(output([[0.75, 0.25]] * 8), [9]) is None, "two rows too many"
    assert scores_at(output([[0.75, float("nan")]] * 6), [9]) is None
