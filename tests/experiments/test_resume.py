"""A sweep that was cut off is resumed, and only as it was begun, with the same problems, models and classes."""

import json
import signal
from pathlib import Path

import pytest
import yaml

from experiments.runs.appending import appending
from experiments.runs.fingerprints import fingerprint
from tests.command_line import result_lines, run, stopped
from tests.experiments.toy_sweep import lines, summary, sweep, timeless


def test_a_run_that_was_cut_off_goes_on(copied: Path, capsys: pytest.CaptureFixture[str]):
    whole = timeless()
    kept = result_lines(Path("run"))[:12]
    Path("run/results.jsonl").write_text("\n".join(kept) + "\n" + '{"problem": "jsonl-')
    assert run("sweep", "run=run") == 0
    assert "28/28 searches" in capsys.readouterr().err
    assert Path("run/results.jsonl").read_text().splitlines()[:12] == kept
    assert timeless() == whole
    assert run("sweep", "run=run") == 0, "there is nothing left to do"
    assert len(lines()) == len(whole) == 40


def test_another_sweep_does_not_go_on_in_its_folder(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("searchers=beam", "budgets=1") == 0
    assert run("sweep", "run=run", "seeds=3") == 2
    told = capsys.readouterr().err
    assert "run=run was started with a different config" in told and "seeds: 0 in the run, 3 now" in told
    Path("toy.jsonl").write_text(Path("toy.jsonl").read_text().replace("q4", "q5"))
    assert run("sweep", "run=run") == 2
    assert "run=run was started with different inputs: problems" in capsys.readouterr().err
    assert run("sweep", "run=run", "policy.branch=2") == 2, "a knob of the policy that it was begun with"
    assert "policy.branch: 3 in the run, 2 now" in capsys.readouterr().err


def test_a_run_begun_before_classes_moved_resumes(copied: Path, capsys: pytest.CaptureFixture[str]):
    """Its config has the knobs in another order and names the modules of that time."""
    whole, config = timeless(), Path("run/config.yaml")
    old = yaml.safe_load(config.read_text())
    old["_target_"] = "experiments.sweep.Sweep"
    old["problems"]["_target_"] = "experiments.problems.Jsonl"
    old["search"]["beam"]["_target_"] = "search.beam.Beam"
    old["budget"]["_target_"] = "experiments.cells.Budgets"
    config.write_text(yaml.safe_dump(dict(reversed(old.items())), sort_keys=False))
    Path("run/results.jsonl").write_text("\n".join(result_lines(Path("run"))[:7]) + "\n")
    assert run("sweep", "run=run") == 0
    assert timeless() == whole
    old["scorer"]["_target_"] = "scorers.toy.Other"
    config.write_text(yaml.safe_dump(old))
    capsys.readouterr()
    assert run("sweep", "run=run") == 2, "another class"
    assert "scorer: Other in the run, toy now" in capsys.readouterr().err


def test_a_sweep_does_not_resume_with_an_edited_searcher(here: Path, capsys: pytest.CaptureFixture[str]):
    mine = Path("edited_search.py")
    mine.write_text("from search import BestOfN\n\n\nclass Mine(BestOfN):\n    pass\n")
    assert sweep("searchers=custom", "search.custom.cls=edited_search:Mine", "budgets=1") == 0
    assert run("sweep", "run=run") == 0
    mine.write_text(mine.read_text().replace("pass", "other = 1"))
    assert run("sweep", "run=run") == 2
    err = capsys.readouterr().err
    assert "different inputs: search.custom.cls: " in err and "edited_search.py has changed" in err


def test_a_sweep_in_rounds_resumes_and_tells_an_edited_searcher(here: Path, capsys: pytest.CaptureFixture[str]):
    mine = Path("edited_inner.py")
    mine.write_text("from search import BestOfN\n\n\nclass Inner(BestOfN):\n    pass\n")
    words = ["searchers=again", "search.again.inner=edited_inner:Inner", "search.again.args.n=2", "budgets=1,3"]
    assert sweep(*words) == 0
    whole = timeless()
    assert {row["cell"]["n"] for row in whole if row["cell"]["searcher"] == "again"} == {1, 3}
    Path("run/results.jsonl").write_text("\n".join(result_lines(Path("run"))[:4]) + "\n")
    assert run("sweep", "run=run") == 0 and timeless() == whole
    mine.write_text(mine.read_text().replace("pass", "other = 1"))
    assert run("sweep", "run=run") == 2
    assert "different inputs: search.again.inner: " in capsys.readouterr().err


def test_knobs_of_searchers_that_do_not_run_do_not_matter(here: Path, capsys: pytest.CaptureFixture[str]):
    """Such as those of searchers that were added after the run began."""
    assert sweep("searchers=rebase", "budgets=2") == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    del config["search"]["dvts"], config["search"]["again"]
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    assert run("sweep", "run=run") == 0
    config["search"]["rebase"]["temperature"] = 0.3
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    assert run("sweep", "run=run") == 2
    assert "search.rebase.temperature: 0.3 in the run, 0.2 now" in capsys.readouterr().err


def test_two_processes_do_not_write_to_one_folder(copied: Path, capsys: pytest.CaptureFixture[str]):
    with appending(Path("run/results.jsonl")):
        assert run("sweep", "run=run") == 2
    assert "run/results.jsonl is being written to by another process" in capsys.readouterr().err


def test_a_model_is_told_by_its_files(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(100))
    before = fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("not read")
    assert fingerprint(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(bytes(99) + b"1")
    assert fingerprint(tmp_path) != before
    assert fingerprint("Qwen/Qwen2.5-Math-1.5B") == "Qwen/Qwen2.5-Math-1.5B"


def test_ctrl_c_keeps_what_has_ended(here: Path):
    words = ["problems=jsonl", "problems.path=toy.jsonl", "searchers=beam", "budgets=1,4,16", "out=run"]
    words += ["policy=custom", "policy.cls=tests.plugins:Slow", "policy.args.seconds=0.05", "scorer=toy"]
    ended = stopped(["sweep", *words], here, signal.SIGINT, lambda: len(result_lines(here / "run")) >= 3)
    assert ended.returncode == 130 and "Traceback" not in ended.stderr
    assert 3 <= len(lines()) < 20
    assert f"interrupted: {len(lines())} of 20 searches had ended and are saved" in ended.stderr
    counted = {(row["searcher"], row["n"]): int(row["problems"]) for row in summary()}
    assert sum(counted.values()) == len(lines())


def test_a_folder_with_results_is_left_alone(copied: Path, capsys: pytest.CaptureFixture[str]):
    before = Path("run/results.jsonl").read_text()
    capsys.readouterr()
    assert sweep("budgets=1") == 2
    assert "out=run holds the results of another run" in capsys.readouterr().err
    assert Path("run/results.jsonl").read_text() == before


def test_a_run_with_earlier_keys_of_draws_resumes_with_them(here: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as before:
        before.setattr("experiments.runs.folder.DRAWS", 1)
        assert sweep("budgets=4", "searchers=best_of_n") == 0
    whole = timeless()
    assert "draws" not in json.loads(Path("run/inputs.json").read_text())
    Path("run/results.jsonl").write_text("\n".join(result_lines(Path("run"))[:2]) + "\n")
    assert run("sweep", "run=run") == 0
    assert timeless() == whole
    Path("run").rename("old")
    assert sweep("budgets=4", "searchers=best_of_n") == 0
    assert timeless() != whole, "today's keys draw other samples"
