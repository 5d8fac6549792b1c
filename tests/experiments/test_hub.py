"""Sets from the Hub: at the pinned commit, without one, without the library, without a network."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.config.registry import GROUPS
from experiments.problems.hub import HubSet
from experiments.problems.json_lines import ProblemError
from experiments.problems.labelled import SUBSETS, ProcessBench
from experiments.problems.published import Gsm8k, Math, Minerva, Published
from experiments.problems.sets import Problem
from tests.command_line import ROOT, run

SETS = [cls for cls in GROUPS["problems"].values() if issubclass(cls, Published)]
Asked = list[tuple[Any, ...]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """Puts a stand-in for the library in its place; it answers with these rows and notes what it is asked."""

    def _hub(*rows: dict[str, Any], error: Exception | None = None) -> Asked:
        asked: Asked = []

        def load_dataset(name: str, config: str | None = None, *, split: str, revision: str) -> list[dict[str, Any]]:
            asked.append((name, config, split, revision))
            if error is not None:
                raise error
            return list(rows)

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
        return asked

    return _hub


def test_a_set_without_a_path_is_the_hubs_at_its_pinned_commit(hub: Callable[..., Asked]):
    asked = hub({"question": "q", "answer": "so #### 3"}, {"question": "r", "answer": "#### 1,000"})
    assert Gsm8k().load() == [Problem("gsm8k-1", "q", "3"), Problem("gsm8k-2", "r", "1000")]
    assert asked == [("openai/gsm8k", "main", "test", "740312add88f781978c0658806c59bc2815b9866")]


def test_math_is_all_seven_subjects_and_no_more_are_asked_for_than_needed(hub: Callable[..., Asked]):
    asked = hub({"problem": "q", "level": "Level 4", "type": "t", "solution": r"\boxed{1}"})
    assert len({p.id for p in Math().load()}) == len(asked) == 7
    assert Math(limit=2).load() == [
        Problem("algebra/1", "q", "1", 4),
        Problem("counting_and_probability/1", "q", "1", 4),
    ]
    assert len(asked) == 9


def test_processbench_is_its_four_subsets(hub: Callable[..., Asked]):
    asked = hub({"id": "a", "problem": "q", "steps": ["x", "y"], "label": 1, "final_answer_correct": False})
    found = ProcessBench().load()
    assert [s.id for s in found] == [f"{name}/a" for name in SUBSETS]
    assert found[0].right == (True, False)
    assert asked == [("Qwen/ProcessBench", None, name, ProcessBench().revision) for name in SUBSETS]


@pytest.mark.parametrize("cls", [*SETS, ProcessBench])
def test_every_set_is_pinned_and_takes_another_commit_but_no_branch(
    cls: type[Published] | type[ProcessBench], hub: Callable[..., Asked]
):
    asked = hub(error=KeyError("stop"))
    assert re.fullmatch("[0-9a-f]{40}", cls().revision)
    with pytest.raises(ProblemError, match=r"\.revision=main: what that stands for may change; give a commit of"):
        replace(cls(), revision="main").load()
    assert not asked
    with pytest.raises(ProblemError, match="stop"):
        replace(cls(), revision="0" * 40).load()
    assert asked[0][-1] == "0" * 40


def test_a_row_is_named_by_its_place_on_the_hub(hub: Callable[..., Asked]):
    hub({"question": "q", "answer": "1.6"}, {"question": "q", "answer": None})
    with pytest.raises(ProblemError, match=r"math-ai/minervamath/test, row 2: field 'answer' is null"):
        Minerva().load()


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert run("sweep", "policy=toy", "scorer=toy", "problems=amc23") == 2
    said = capsys.readouterr().err
    assert "problems.path: name a copy of math-ai/amc23, or pip install 'stepsearch[datasets]'" in said
    with pytest.raises(ProblemError, match=r"data\.path: name a copy of Qwen/ProcessBench, or pip install"):
        ProcessBench().load()


def test_class_labels_are_read_by_their_names(monkeypatch: pytest.MonkeyPatch):
    library = pytest.importorskip("datasets", reason="the extra [datasets] is not installed")
    kinds = {"question": "string", "answer": "string"}
    features = library.Features(
        {
            **{name: library.Value(kind) for name, kind in kinds.items()},
            "level": library.ClassLabel(names=["low", "high"]),
        }
    )
    rows = library.Dataset.from_list(
        [{"question": "q", "answer": "1", "level": 1}, {"question": "r", "answer": "2", "level": None}],
        features=features,
    )
    monkeypatch.setattr(library, "load_dataset", lambda *_, **__: rows)
    assert Minerva(level="level", limit=1).load() == [Problem("minerva-1", "q", "1", "high")]
    with pytest.raises(ProblemError, match="row 2: field 'level' is null"):
        Minerva(level="level").load()


def test_the_library_itself_is_asked_as_it_wants_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder laid out as a repository of the Hub stands in for one."""
    library = pytest.importorskip("datasets", reason="the extra [datasets] is not installed")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for part in ("one", "two"):
        rows = [{"question": part, "answer": f"#### {n}", "unit": None} for n in (1, 2)]
        (tmp_path / part).mkdir()
        library.Dataset.from_list(rows).to_parquet(str(tmp_path / part / "test.parquet"))
    configs = "".join(f"- config_name: {p}\n  data_files:\n  - split: test\n    path: {p}/*\n" for p in ("one", "two"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    found = list(HubSet(str(tmp_path), "test", ("two", "one")).lines("0" * 40))
    assert [(line.part, line.number, line.record["answer"], line.record["unit"]) for line in found] == [
        (part, n, f"#### {n}", None) for part in ("two", "one") for n in (1, 2)
    ]


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("datasets"), reason="the extra [datasets] is not installed")
def test_offline_the_set_is_named_and_the_way_out(tmp_path: Path):
    words = ["policy=toy", "scorer=toy", "problems=aime24"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "sweep", *words],
        cwd=tmp_path, env=os.environ | offline, capture_output=True, text=True,
    )  # fmt: skip
    said = " ".join(done.stderr.split())
    assert done.returncode == 2, said
    assert "HuggingFaceH4/aime_2024 at 2fe88a2f cannot be had from the Hub" in said
    assert "name a copy with problems.path" in said
    assert not (tmp_path / "runs").exists()
