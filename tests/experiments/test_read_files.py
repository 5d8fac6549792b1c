"""Files that knobs name and that are read when a run starts: what was in them is one of the run's inputs."""

import json
from pathlib import Path

import pytest

from experiments.commands.sweep import Sweep
from experiments.config.compose import compose
from experiments.config.read_files import read_files
from tests.command_line import TOY, run
from tests.search.golden import FOLDER


def test_a_run_does_not_go_on_with_other_actions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "actions.jsonl"
    file.write_bytes((FOLDER / "actions.jsonl").read_bytes())
    words = [*TOY, "searchers=beam,beam@plain", "budgets=2", "search.beam.actions=actions.jsonl", "problems.limit=1"]
    assert run("sweep", *words, "trees=true", "out=kept") == 0
    inputs = json.loads(Path("kept/inputs.json").read_text())
    assert [name for name in inputs if name.endswith("actions")] == ["search.beam.actions"]
    assert '"action":"rephrase"' in "".join(path.read_text() for path in Path("kept").rglob("*.json*"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    kept = tmp_path / "kept" / "inputs.json"
    kept.write_text(json.dumps({name: value for name, value in inputs.items() if not name.endswith("actions")}))
    assert run("sweep", "run=../kept") == 0, "found from any folder; an older run, which knows no such file, goes on"
    assert json.loads(kept.read_text()) == inputs
    file.write_text(file.read_text().replace("Check", "Doubt"))
    capsys.readouterr()
    assert run("sweep", "run=../kept") != 0
    assert "search.beam.actions" in capsys.readouterr().err


def test_every_knob_that_names_such_a_file_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").touch()
    words = [
        "searchers=mcts,beam@typed,again", "search.mcts.actions=a.jsonl", "search.typed.actions=a.jsonl",
        "search.again.inner=beam", "search.again.args.actions=a.jsonl", "policy.hints=a.jsonl",
    ]  # fmt: skip
    assert set(read_files(compose(Sweep, words))) == {
        "search.mcts.actions", "search.again.args.actions", "search.typed.actions", "policy.hints",
    }  # fmt: skip
    several = ["policy=several", "policy.args.small.hints=a.jsonl", "policy.args.large.hints=none.jsonl"]
    assert set(read_files(compose(Sweep, several))) == {"policy.args.small.hints"}, (
        "what is not there is said elsewhere"
    )
