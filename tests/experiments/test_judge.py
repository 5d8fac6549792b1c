"""`stepsearch judge`: what it writes, how a run is resumed, and what is left out or kept where something fails."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import RunError
from experiments.problems.solution import Solution, as_steps
from experiments.runs.results import read_results
from experiments.runs.scoring import score_all
from scorers.checks import Checks
from tests.command_line import run
from tests.results import write_lines

RIGHT, WRONG = "2 + 2 = 4", "2 + 2 = 5"


@pytest.fixture
def labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "question": f"q{i % 3}",
            "steps": [RIGHT, WRONG if i % 2 else RIGHT],
            "labels": [True, i % 2 == 0],
            "answer_right": i % 2 == 0,
        }
        for i in range(12)
    ]
    return write_lines(tmp_path / "mine.jsonl", rows)


def test_a_perfect_scorer_is_perfect(labelled: Path, capsys: pytest.CaptureFixture[str]):
    assert run("judge", "scorer=checks", "data=labelled", f"data.path={labelled}", "out=run") == 0
    found = json.loads(Path("run/summary.json").read_text())
    (group,) = found["groups"]
    assert (group["f1"], group["step_auc"], group["prm_score"]) == (1, 1, 1)
    assert found["threshold"] == {"value": 0.5, "source": "default"} and found["errors"] == 0
    assert len(Path("run/scores.jsonl").read_text().splitlines()) == 12
    assert Path("run/judge.png").stat().st_size > 5000
    assert "100.0" in capsys.readouterr().out


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_was_cut_off_goes_on(labelled: Path, capsys: pytest.CaptureFixture[str]):
    words = ["judge", "scorer=checks", "data=labelled", f"data.path={labelled}", "out=run"]
    assert run(*words) == 0
    scores = Path("run/scores.jsonl")
    kept = scores.read_text().splitlines()[:5]
    scores.write_text("\n".join([*kept, '{"id": "7", "sco']))
    assert run("judge", "run=run") == 0
    assert "7/7 solutions" in capsys.readouterr().err
    whole = [json.loads(line) for line in scores.read_text().splitlines()]
    assert sorted(int(entry["id"]) for entry in whole) == list(range(1, 13))
    assert run("judge", "run=run", "scorer.unknown=0.9") == 2
    assert "scorer.unknown: 0.5 in the run, 0.9 now" in capsys.readouterr().err
    assert run("judge", "run=run", "threshold=0.2") == 0
    assert json.loads(Path("run/summary.json").read_text())["threshold"] == {"value": 0.2, "source": "given"}
    assert run("judge", "run=run", "reduction=last") == 0
    assert json.loads(Path("run/summary.json").read_text())["answers"]["reduction"] == "last"
    assert run("judge", "run=run", "reduction=sum") == 2
    assert "reduction sum is not defined for scores of kind correctness; choose from" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_a_run_does_not_go_on_with_an_edited_scorer(labelled: Path, capsys: pytest.CaptureFixture[str]):
    """Its scores would be of two scorers; one among an ensemble's members counts as well."""
    mine = labelled.with_name("edited.py")
    mine.write_text("class Mine:\n    def score(self, question, steps):\n        return [0.5] * len(steps)\n")
    words = ["judge", "data=labelled", f"data.path={labelled}"]
    assert run(*words, "scorer=custom", "scorer.cls=edited:Mine", "out=alone") == 0
    assert run(*words, "scorer=ensemble", "scorer.members=[checks,edited:Mine@one]", "out=member") == 0
    assert run("judge", "run=alone", "threshold=0.2") == run("judge", "run=member", "threshold=0.2") == 0
    mine.write_text(mine.read_text().replace("0.5", "0.6"))
    capsys.readouterr()
    for folder, knob in (("alone", "scorer.cls"), ("member", "scorer.members.1")):
        assert run("judge", f"run={folder}") == 2
        told = capsys.readouterr().err
        changed = f"run={folder} was started with different inputs: {knob}: {mine} has changed; start a new run"
        assert changed in told


def test_stored_scores_are_judged_and_what_has_none_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    texts, scores = [rf"x\n\n\boxed{{{n}}}" for n in (1, 2, 2, 1)], [[0.9, 0.8], [0.9, 0.1], [0.2, 0.1], None]
    row = {"problem": "q", "answer": "1", "completions": texts, "scores": scores}
    write_lines(tmp_path / "stored.jsonl", [row])
    words = ["judge", "data=completions", "data.path=stored.jsonl", "stored=true"]
    assert run(*words, "out=run") == 0
    assert "1 of 4 solutions lack a stored score" in capsys.readouterr().out
    found = json.loads(Path("run/summary.json").read_text())
    rules = {name: rule["mean"] for name, rule in found["answers"]["accuracy"].items()}
    assert (
        found["errors"] == 0
        and found["solutions"] == 3
        and rules["best"] == 1
        and rules["majority"] == 0
        and rules["weighted"] == 1
    )


@pytest.mark.usefixtures("undrawn")
def test_what_the_kind_of_stored_scores_does_not_allow_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With file, line and value, in `judge` and in `import`; a scorer of its own needs no stored scores."""
    monkeypatch.chdir(tmp_path)
    row = {"problem": "q", "answer": "1", "completions": [f"x\n\n\\boxed{{{n}}}" for n in (1, 2)]}
    nan = float("nan")
    for kind, scores, told in [
        ("correctness", [[0.9, 7], [0.5, 0.5]], "a score is 7, and data.kind=correctness allows 0 to 1"),
        ("value", [[0.9, 0.9], [-0.5, 0.5]], "line 2, completion 2: a score is -0.5"),
        ("additive", [[0.9, nan], [0.5, 0.5]], "a score is nan"),
        ("additive", [[0.9, "x"], [0.5, 0.5]], "the scores are [0.9, 'x'], not a list of numbers"),
        ("correctness", [0.9, 0.7], "the score is one number, 0.9, and data.kind=correctness has one a step"),
        ("correctness", [[0.9], [0.7]], "line 2, completion 1: 1 scores for 2 steps, and no completion of the file"),
        ("outcome", [[0.9, 0.1], [0.7, 0.2]], "2 scores, and data.kind=outcome has one"),
        ("ranking", [[0.9, 0.1], [0.7, 0.2]], "data.kind=ranking orders siblings only"),
    ]:
        (tmp_path / "stored.jsonl").write_text("\n" + json.dumps(row | {"scores": scores}) + "\n")
        words = ["data=completions", "data.path=stored.jsonl", f"data.kind={kind}"]
        assert run("judge", *words, "stored=true", "out=run") == run("import", *words, "out=other") == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and all(told in line for line in said), (kind, scores, said)
        assert kind == "ranking" or all("stored.jsonl, line 2, completion" in line for line in said)
        assert not Path("run").exists() and not Path("other").exists()
        assert run("judge", *words, "scorer=checks", f"out=scored-{kind}-{len(told)}") == 0
        capsys.readouterr()
    assert run("judge", "data=labelled", "stored=true") == 2
    assert "stored=true: only data=completions holds scores" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("kind", "scores"), [("additive", [[-3.0, -0.5], [1.0, 2.5]]), ("outcome", [-2.5, 4.0]), ("outcome", [[-2], [4]])]
)
def test_stored_scores_of_every_kind_are_used(kind: str, scores: list[Any], tmp_path: Path):
    """The second of two completions is right and scores higher, by numbers that are no probabilities."""
    row = {"problem": "q", "answer": "1", "completions": [f"x\n\n\\boxed{{{n}}}" for n in (2, 1)], "scores": scores}
    words = ["data=completions", f"data.path={write_lines(tmp_path / 'a.jsonl', [row] * 2)}", f"data.kind={kind}"]
    assert run("judge", *words, "stored=true", f"out={tmp_path / 'judged'}") == 0
    found = json.loads((tmp_path / "judged" / "summary.json").read_text())
    assert found["errors"] == 0 and found["answers"]["accuracy"]["best"]["mean"] == 1
    assert run("import", *words, f"out={tmp_path / 'imported'}") == 0
    for result in read_results(tmp_path / "imported"):
        assert result.correct("best") == result.correct("weighted") == 1


def test_another_runs_folder_is_refused(labelled: Path, capsys: pytest.CaptureFixture[str]):
    words = ["judge", "scorer=checks", "data=labelled", f"data.path={labelled}", "out=run"]
    assert run(*words) == 0
    assert run(*words, "scorer.unknown=0.9") == 2
    assert "out=run holds the results of another run" in capsys.readouterr().err


def test_a_dead_engine_is_told_and_what_was_scored_is_kept(labelled: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Mortal", "scorer.args.lives=4", "data=labelled"]
    words += [f"data.path={labelled}", "concurrency=1"]
    assert run("judge", *words, "out=run") == 1
    told = capsys.readouterr().err
    assert "the engine has ended. Its log:\nlast words: 4 of 12 solutions are scored and saved; resume with" in told
    assert len(Path("run/scores.jsonl").read_text().splitlines()) == 4


def test_a_failure_stays_with_its_solution(labelled: Path, capsys: pytest.CaptureFixture[str]):
    assert run("judge", "scorer=self", "data=labelled", f"data.path={labelled}", "out=run") == 1
    told = capsys.readouterr().out
    assert "12 solutions could not be scored and are left out; the first, 1: ScoreError: a step has no tokens" in told


def test_steps_have_their_delimiter_and_their_tokens():
    one = Solution("a", "all", "q", ("x", "y"), (None, None), logprobs=((-0.5,), (-1.0, -2.0)))
    first, last = as_steps(one)
    assert (first.text, first.logprobs, first.finished) == ("x\n\n", (-0.5,), False)
    assert (last.text, last.logprobs, last.finished) == ("y", (-1.0, -2.0), True)


def test_an_entry_that_cannot_be_written_ends_the_scoring():
    """As on a full disk: said once, and no solution is asked about after it but those that were under way."""
    asked: list[dict[str, Any]] = []

    def full(entry: dict[str, Any]) -> None:
        asked.append(entry)
        raise RunError("scores.jsonl cannot be written: No space left on device")

    solutions = [Solution(f"s{i}", "g", "q", ("a",), (None,)) for i in range(20)]
    with pytest.raises(RunError, match="No space left on device"):
        asyncio.run(score_all(Checks(), solutions, 2, full))
    assert 1 <= len(asked) <= 3


@pytest.mark.usefixtures("undrawn")
def test_two_problems_of_one_text_are_not_graded_by_one_gold(tmp_path: Path):
    rows = [
        {"question": "Q", "steps": ["x", f"\\boxed{{{gold}}}"], "labels": [None, None], "answer": gold} for gold in "12"
    ]
    write_lines(tmp_path / "set.jsonl", rows)
    words = ["data=labelled", f"data.path={tmp_path / 'set.jsonl'}", "scorer=checks"]
    assert run("judge", *words, f"out={tmp_path / 'run'}") == 0
    answers = json.loads((tmp_path / "run" / "summary.json").read_text())["answers"]
    assert answers is None or answers["accuracy"]["best"]["mean"] == 1, answers
