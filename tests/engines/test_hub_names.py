"""Hub names: the cache first, then the hub, which answers soon or is one line."""

import time
from pathlib import Path
from typing import Any

import pytest

from policies.engines import hub
from policies.engines.models import ModelError, locate
from policies.hf import HF
from tests.models import extend, ids_of, said
from tests.patience import patience


class Hub:
    """Stands for the hub: what it lists, or the error that it raises."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def model_info(self, name: str, timeout: float) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return self.answer()
        raise AssertionError(self.answer)


def test_a_hub_name_without_a_network_is_one_line_within_seconds(monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub.errors import OfflineModeIsEnabled

    for answer, message in (
        (OSError("no route"), "is no folder here and not in the cache of the hub .* cannot be reached; copy the model"),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE is set; unset it, or give a folder"),
        (lambda: time.sleep(30), "cannot be reached; copy the model here and give its folder"),
    ):
        monkeypatch.setattr(hub, "HfApi", lambda answer=answer: Hub(answer))
        start = time.monotonic()
        with pytest.raises(ModelError, match=message):
            HF("nobody/no-such-model").load()
        assert time.monotonic() - start < patience(5)
    for name in ("not a name!", "no--such"):
        assert "is no folder here, and no hub name (owner/name)" in said(name)


def test_what_the_hub_lists_is_refused_before_it_is_downloaded(monkeypatch: pytest.MonkeyPatch):
    from types import SimpleNamespace

    monkeypatch.setattr(hub, "snapshot_download", _nothing_kept)
    for names, message in ((["config.json", "pytorch_model.bin"], "on the hub are pickled"), (["m.gguf"], "GGUF")):
        files = [SimpleNamespace(rfilename=name) for name in names]
        monkeypatch.setattr(hub, "HfApi", lambda files=files: Hub(lambda: SimpleNamespace(siblings=files)))
        with pytest.raises(ModelError, match=message):
            HF("nobody/no-such-model").load()


def _nothing_kept(name: str, local_files_only: bool = False, **_: Any) -> str:
    from huggingface_hub.errors import LocalEntryNotFoundError

    assert local_files_only, "something is downloaded"
    raise LocalEntryNotFoundError("nothing")


def test_what_the_cache_holds_is_not_asked_for(monkeypatch: pytest.MonkeyPatch):
    folder = Path(locate("tiny"))
    monkeypatch.setattr(hub, "snapshot_download", lambda name, local_files_only: str(folder))
    monkeypatch.setattr(hub, "HfApi", lambda: pytest.fail("the hub was asked"))
    assert hub.folder_of("nobody/kept-model", weights=True) == folder
    assert ids_of(extend(HF("nobody/kept-model", max_tokens=3), "(1 + 2) =", [0]).continuations[0])


def test_weights_that_a_repository_holds_twice_are_taken_once():
    names = [
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "a/b.safetensors",
    ]
    assert [name for name in names if hub._wanted(name, names)] == names[:2]
    assert hub._wanted("weights.safetensors", ["weights.safetensors"])
