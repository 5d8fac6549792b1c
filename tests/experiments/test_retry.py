"""What failed is not final: it is run again, and its new result stands for the old one, which is kept."""

import json
from pathlib import Path

import pytest

from experiments.runs.results import read_results
from tests.command_line import run
from tests.experiments.toy_sweep import lines, summary, sweep, timeless, where

WORDS = ("searchers=[beam,best_of_n]", "budgets=[1,4]", "scorer=custom", "scorer.cls=mended_scorer:Mine")
GOOD = "        return [0.5 for _ in steps]\n"
BAD = "        if 'hated' in question:\n            raise KeyError('a mistake')\n"


def write_scorer(*body: str, folder: Path = Path()) -> None:
    head = "class Mine:\n    kind = 'value'\n\n    def score(self, question, steps):\n"
    (folder / "mended_scorer.py").write_text(head + "".join(body))


@pytest.fixture
def failed(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose scorer has a mistake that one problem of five meets."""
    monkeypatch.delitem(__import__("sys").modules, "mended_scorer", raising=False)
    write_scorer(BAD, GOOD)
    assert sweep(*WORDS) == 1
    return here


def mend(monkeypatch: pytest.MonkeyPatch) -> None:
    write_scorer(GOOD)
    monkeypatch.delitem(__import__("sys").modules, "mended_scorer")


def test_failed_searches_are_run_again_and_superseded(
    failed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    before = Path("run/results.jsonl").read_text()
    assert sum(line["error"] is not None for line in lines()) == 4
    assert run("sweep", "run=run", "retry=errors") == 1, "nothing was mended"
    assert Path("run/results.jsonl").read_text().startswith(before) and len(lines()) == 20 + 4
    assert {row["errors"] for row in where(summary(), searcher="beam")} == {"1"}
    mend(monkeypatch)
    capsys.readouterr()
    assert run("sweep", "run=run", "retry=errors") == 2
    assert (
        "mended_scorer.py has changed; start a new run with out=; or go on with changed=ok" in capsys.readouterr().err
    )
    assert run("sweep", "run=run", "retry=errors", "changed=ok") == 0
    assert Path("run/results.jsonl").read_text().startswith(before) and len(lines()) == 20 + 4 + 4
    results = read_results(Path("run"))
    assert len(results) == 20 and not any(result.error for result in results)
    assert sweep(*WORDS, out="whole") == 0
    mended = {json.dumps(row["cell"]) + row["problem"]: row for row in timeless()}
    assert list(mended.values()) == timeless("whole"), "as one sweep with the mended scorer"
    prints = json.loads(Path("run/inputs.json").read_text())["scorer.cls"]
    assert len(prints) == 2 and prints[1] == json.loads(Path("whole/inputs.json").read_text())["scorer.cls"]
    assert run("sweep", "run=run") == 0, "the mended file is the run's own now"
    assert "retry" not in Path("run/command.json").read_text()


def test_other_inputs_may_not_change(failed: Path, capsys: pytest.CaptureFixture[str]):
    Path("toy.jsonl").write_text(Path("toy.jsonl").read_text().replace("q4", "q5"))
    assert run("sweep", "run=run", "changed=ok") == 2
    assert "different inputs: problems; start a new run with out=\n" in capsys.readouterr().err


def test_only_a_run_can_be_retried(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("retry=errors") == 2
    assert "retry= and changed= are for a run that goes on; name it, run=DIR" in capsys.readouterr().err


def test_failures_are_said_and_count_as_wrong(
    failed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from matplotlib.legend import Legend

    captions: list[str] = []
    monkeypatch.setattr(Legend, "set_title", lambda self, text, **_: captions.append(text))
    capsys.readouterr()
    assert run("sweep", "run=run") == 1
    out = capsys.readouterr().out
    assert "accuracy in %, cost per problem; 3 of 15 searches failed" not in out
    assert "accuracy in %, cost per problem; 4 of 20 searches failed and count as wrong" in out
    assert "stepsearch sweep run=run retry=errors runs them again" in out
    assert captions and "4 of 20 searches failed and count as wrong" in captions[0].replace("\n", " ")


def test_a_searcher_that_failed_everywhere_is_zero(here: Path):
    words = ["searchers=[beam,custom,best_of_n]", "budgets=[1,4]", "search.custom.cls=tests.plugins:Fails"]
    assert sweep(*words) == 1
    rows = where(summary(), searcher="custom")
    assert {row["n"] for row in rows} == {"1", "4"}
    assert {row["selection"] for row in rows} >= {"best", "majority", "weighted", "oracle"}
    assert {float(row["accuracy"]) for row in rows} == {0.0} and {row["errors"] for row in rows} == {"5"}


def test_samples_that_all_failed_are_zero_at_every_n(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=q", "problems.limit=3"]
    assert sweep(*words, "searchers=[best_of_n]", "budgets=[1,4]") == 1
    rows = where(summary(), searcher="best_of_n", selection="weighted")
    assert [(row["n"], float(row["accuracy"]), row["errors"]) for row in rows] == [("1", 0.0, "3"), ("4", 0.0, "3")]
    assert run("curves", "run=run") == 0 and run("report", "run=run") == 0
    capsys.readouterr()
    assert run("estimate", "run=run") == 2
    assert "searcher=best_of_n: all 3 searches failed" in capsys.readouterr().err


def test_a_sweep_that_only_fails_stops(here: Path, capsys: pytest.CaptureFixture[str]):
    rows = [json.dumps({"question": f"q{i}", "answer": "1", "level": 0}) for i in range(50)]
    Path("toy.jsonl").write_text("\n".join(rows))
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=q", "concurrency=2"]
    assert sweep(*words, "searchers=[beam]", "budgets=[1,4]") == 1
    err = capsys.readouterr().err
    assert "searches have all failed, the last with ArithmeticError: I cannot" in err
    assert "resume with run=run, retry=errors for those that failed" in err
    assert 20 <= len(lines()) < 50


def test_one_bad_problem_does_not_stop_a_sweep(here: Path):
    rows = [json.dumps({"question": q, "answer": "1", "level": 0}) for q in ("hated", "q1")]
    Path("toy.jsonl").write_text("\n".join(rows))
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=hated", "concurrency=1"]
    assert sweep(*words, "searchers=[beam]", "budgets=[1,2,3]", "seeds=[0,1,2,3,4,5,6,7]") == 1
    assert len(lines()) == 2 * (1 + 3 * 8) and sum(line["error"] is not None for line in lines()) == 25
