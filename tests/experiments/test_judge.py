"""`stepsearch judge`: sets are read as published, figures have known values, a run that was cut off goes on."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.biases import biases
from experiments.analysis.judgement import DIMENSIONS, Threshold, choose, judgement
from experiments.analysis.step_metrics import (
    Judged,
    Steps,
    best_threshold,
    calibration,
    calibration_error,
    every_step,
    prm_score,
    step_f1,
)
from experiments.errors import RunError
from experiments.problems.completions import Completions
from experiments.problems.json_lines import ProblemError
from experiments.problems.labelled import Labelled, PRMBench, ProcessBench
from experiments.problems.solution import Solution, as_steps, as_tree
from experiments.reports.judgement_picture import draw
from experiments.runs.scoring import score_all
from scorers.checks import Checks
from search import Kind, Reduction, Rule, Selection
from search.answers.boxes import boxed
from search.answers.equivalence import equivalent
from tests.command_line import ROOT, run

RUNS = ROOT.parent / "shared" / "data" / "search_and_learn_runs"
RIGHT, WRONG = "2 + 2 = 4", "2 + 2 = 5"


def solution(name: str, right: list[bool | None], **known: Any) -> Solution:
    steps = tuple(RIGHT if label else WRONG for label in right)
    return Solution(name, known.pop("group", "all"), known.pop("question", name), steps, tuple(right), **known)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


# sets


def test_processbench_labels_the_first_wrong_step_only(tmp_path: Path):
    rows = [
        {"id": "a", "problem": "q", "steps": ["x", "y", "z"], "label": 1, "final_answer_correct": False},
        {"id": "b", "problem": "q", "steps": ["x"], "label": -1, "final_answer_correct": True},
    ]
    (tmp_path / "omnimath.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    (tmp_path / "gsm8k.json").write_text(json.dumps(rows[:1]))
    found = ProcessBench(str(tmp_path)).load()
    assert [s.id for s in found] == ["gsm8k/a", "omnimath/a", "omnimath/b"]
    assert [s.right for s in found] == [(True, False, None), (True, False, None), (True,)]
    assert [s.answer_right for s in found] == [False, False, True]


def test_prmbench_counts_from_one(tmp_path: Path):
    row = {
        "modified_question": "q",
        "modified_process": ["a", "", "c"],
        "error_steps": [2, 3],
        "classification": "circular",
    }
    file = write(tmp_path / "x.jsonl", [{**row, "idx": "one"}, {**row, "idx": "two"}, {**row, "idx": "one"}])
    found = PRMBench(str(file)).load()
    assert [(s.id, s.group, s.right) for s in found] == [
        ("circular/one", "circular", (True, False, False)),
        ("circular/two", "circular", (True, False, False)),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"problem": "q", "steps": ["x"], "label": 1}, "label is 1; it must be -1 or the place of a step"),
        ({"problem": "q", "steps": [], "label": -1}, "field 'steps' is an empty list, not a list of texts"),
        ({"problem": "q", "label": -1}, "no field 'steps'; fields there: problem, label"),
    ],
)
def test_what_is_wrong_with_a_set_is_named(row: dict[str, Any], said: str, tmp_path: Path):
    (tmp_path / "math.json").write_text(json.dumps([row]))
    with pytest.raises(ProblemError, match=r"math\.json, entry 1: ") as error:
        ProcessBench(str(tmp_path)).load()
    assert said in str(error.value)


def test_labelled_solutions_with_a_gold_answer_vote(tmp_path: Path):
    rows = [
        {"question": "q", "steps": [text], "labels": [True], "answer": "4"} for text in (r"\boxed{4}", "cut", "cut")
    ]
    held = Labelled(str(write(tmp_path / "mine.jsonl", rows))).load()
    found = judgement(held, {s.id: [0.5] for s in held}, 0, Kind.CORRECTNESS, Threshold(0.5, "given")).answers
    assert found is not None
    assert {name: row.tolist() for name, row in found.correct.items()}["majority"] == [1], "what is cut does not vote"
    assert found.correct["one sample"].tolist() == [pytest.approx(1 / 3)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer_right": "false"}, "field 'answer_right' is 'false'; it must be true, false or null"),
        ({"logprobs": [-0.1, -0.2]}, "field 'logprobs' must have a list of numbers for each step"),
        ({"labels": [True]}, "field 'labels' must have true, false or null for each step"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(row: dict[str, Any], said: str, tmp_path: Path):
    whole = {"question": "q", "steps": ["x", "y"], "labels": [True, False]}
    path = write(tmp_path / "mine.jsonl", [whole, whole | row])
    with pytest.raises(ProblemError, match=r"mine\.jsonl, line 2: ") as error:
        Labelled(str(path)).load()
    assert said in str(error.value)


@pytest.mark.parametrize("row", [{"samples": [{"text": "x"}]}, {"completions": ["x", "y"], "scores": [[0.5]]}])
def test_completions_of_another_form_are_refused(row: dict[str, Any], tmp_path: Path):
    path = write(tmp_path / "run.jsonl", [{"problem": "q", "answer": "1", **row}])
    with pytest.raises(ProblemError, match=r"run\.jsonl, line 1: field '(samples|scores)' must"):
        Completions(str(path)).load()


def test_two_solutions_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    rows = [{"id": "a", "problem": "q", "steps": ["x"], "label": -1}] * 2
    (tmp_path / "math.json").write_text(json.dumps(rows))
    assert run("judge", "scorer=checks", "data.path=math.json") == 2
    assert "2 solutions are called math/a" in capsys.readouterr().err
    (tmp_path / "none.jsonl").write_text("")
    assert run("judge", "scorer=checks", "data=completions", "data.path=none.jsonl") == 2
    assert "holds no solution" in capsys.readouterr().err


def test_a_set_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("judge", "scorer=checks", f"data.path={tmp_path}/nowhere") == 2
    assert "nowhere: no such file" in capsys.readouterr().err
    assert run("judge", "scorer=checks", f"data.path={tmp_path}") == 2
    assert "no .json or .json.gz file in it" in capsys.readouterr().err


# figures


def test_prm_score_is_the_mean_of_both_f1s():
    steps = every_step([Judged([0.9, 0.2, 0.8, 0.1], [True, True, False, False])])
    assert prm_score(steps, 0.5) == pytest.approx(0.5), "one of two right steps found, one of two wrong ones"
    assert prm_score(Steps(np.array([0.9, 0.2]), np.array([True, True])), 0.5) == pytest.approx(2 / 3)


def test_calibration_of_a_scorer_that_is_sure_and_half_right():
    curve = calibration(Steps(np.array([1.0, 1.0, 0.0, 0.25]), np.array([True, False, False, False])))
    assert [tuple(b) for b in curve] == [(1, 0.0, 0.0), (1, 0.25, 0.0), (2, 1.0, 0.5)]
    assert calibration_error(curve) == pytest.approx((0.25 + 2 * 0.5) / 4)


def test_the_threshold_is_chosen_on_the_first_group():
    judged = {"a": [Judged([0.3], [False]), Judged([0.4], [True])], "b": [Judged([0.5], [True])]}
    value, source = choose(judged)
    assert 0.3 < value <= 0.4 and source == "chosen on a"
    assert choose({"a": judged["a"]}) == (0.5, "default")


def test_scores_of_any_scale_have_a_best_threshold():
    """Of an additive scorer: right steps gain a little, wrong ones lose."""
    judged = [Judged([0.001, 0.004], [True, True]), Judged([0.002, -0.02], [True, False])] * 5
    assert step_f1(judged, best_threshold(judged)).f1 == 1


def test_what_is_not_labelled_is_neither_right_nor_wrong():
    known = [Judged([0.9, 0.9], [True, True]), Judged([0.9, 0.1], [True, False])]
    unknown = [Judged([0.9, 0.1], [True, None]), Judged([0.1, 0.1], [None, False])]
    assert step_f1([*known, *unknown], 0.5) == step_f1(known, 0.5) == (1, 1, 1)
    after = Judged([0.9, 0.1, 0.2], [True, False, None])
    assert step_f1([known[0], after], 0.5).f1 == 1, "behind its first wrong step a solution need have no label"


def test_prmbench_has_its_dimensions_and_all_steps_pooled():
    names = [name for categories in DIMENSIONS.values() for name in sorted(categories)]
    held = [solution(name, [True, name != "confidence"], group=name) for name in names]
    found = judgement(held, {s.id: [0.9, 0.9] for s in held}, 0, Kind.CORRECTNESS, Threshold(0.5, "given"))
    assert found.pooled is not None and found.pooled.solutions == 9
    assert found.pooled.prm_score == pytest.approx((2 * 17 / (18 + 17) + 0) / 2), "no wrong step is found"
    assert found.dimensions["simplicity"] == 1 and found.dimensions["soundness"] == pytest.approx((3 + 1 / 3) / 4)


def test_groups_without_f1_are_drawn_by_prm_score():
    """All solutions of a group are right, or all wrong; a mean of the other groups' F1 would say nothing."""
    held = [solution("a", [True]), solution("b", [False]), solution("c", [True], group="right")]
    threshold = Threshold(0.5, "given")
    both, scores = held[:2], {s.id: [0.9 if s.id == "a" else 0.1] for s in held}
    found = judgement(both, scores, 0, Kind.CORRECTNESS, threshold)
    assert found.average_f1 == 1 and draw(found).axes[0].get_ylabel() == "accuracy"
    found = judgement(held, scores, 0, Kind.CORRECTNESS, threshold)
    assert found.average_f1 is None and draw(found).axes[0].get_ylabel() == "PRMScore"
    bars: Any = draw(found).axes[0].patches
    assert [bar.get_height() for bar in bars] == [group.prm_score for group in found.groups] == [1, 0]


def test_solutions_without_an_answer_are_chosen_and_not_voted_on():
    held = [solution(name, [True], question="q", answer_right=name == "b") for name in "abc"]
    found = judgement(held, {"a": [0.1], "b": [0.9], "c": [0.9]}, 0, Kind.CORRECTNESS, Threshold(0.5, "given"))
    assert found.answers is not None
    rules = {name: float(row.mean()) for name, row in found.answers.correct.items()}
    assert rules == {"one sample": pytest.approx(1 / 3), "best": 0.5, "oracle": 1}


def test_biases_have_known_values():
    held = [
        solution("doubted", [True, True], answer_right=True),
        solution("tolerated", [True, False], answer_right=True),
        solution("wrong", [True, False], answer_right=False),
    ]
    found = biases(held, {"doubted": [0.2, 0.9], "tolerated": [0.9, 0.8], "wrong": [0.5, 0.5]}, 0.5)
    assert found.right_but_doubted == 0.5 and found.tolerated == 1
    assert found.lowest_is_last == pytest.approx((0 + 1 + 0.5) / 3)
    assert found.lowest.sum() == pytest.approx(1) and found.lowest[0] == pytest.approx(1.5 / 3)


def test_answers_of_a_question_are_voted_on():
    def sample(name: str, answer: int) -> Solution:
        text = rf"\boxed{{{answer}}}"
        return Solution(name, "all", "q", ("x", text), (None, None), answer="1")

    samples = [sample("a", 1), sample("b", 2), sample("c", 2), sample("d", 3)]
    scores = {"a": [0.9, 0.9], "b": [0.1, 0.9], "c": [0.1, 0.9], "d": [0.5, 0.5]}
    found = judgement(samples, scores, 0, Kind.CORRECTNESS, None).answers
    assert found is not None and found.n == 4
    rules = {name: row.tolist() for name, row in found.correct.items()}
    assert rules == {"one sample": [0.25], "best": [1], "majority": [0], "weighted": [1], "oracle": [1]}


@pytest.mark.parametrize("answered", [True, False], ids=["by answer", "by label"])
@pytest.mark.parametrize(
    ("reduction", "kind", "chosen"),
    [
        (Reduction.LAST, Kind.CORRECTNESS, "last"),
        (Reduction.MIN, Kind.CORRECTNESS, "min"),
        (Reduction.PRODUCT, Kind.CORRECTNESS, "product"),
        (Reduction.MEAN, Kind.CORRECTNESS, "mean"),
        (None, Kind.CORRECTNESS, "min"),
        (None, Kind.VALUE, "last"),
    ],
)
def test_best_of_n_is_by_the_reduction(reduction: Reduction | None, kind: Kind, chosen: str, answered: bool):
    """Four solutions, each of them the best by another reduction, which alone is right."""
    scores = {"last": [0.1, 0.1, 1.0], "min": [0.5, 0.5, 0.5], "product": [0.4, 0.8, 0.9], "mean": [0.3, 0.98, 0.94]}
    for right in scores:
        held = [
            Solution(
                name,
                "all",
                "q",
                ("x", "y", rf"\boxed{{{place}}}" if answered else "z"),
                (None,) * 3,
                answer_right=name == right,
            )
            for place, name in enumerate(scores)
        ]
        found = judgement(held, scores, 0, kind, None, reduction).answers
        assert found is not None and found.reduction == chosen
        assert found.correct["best"].tolist() == [float(chosen == right)]
        assert ("majority" in found.correct) == answered


def test_an_outcome_scorers_one_number_is_the_last_steps():
    one = Solution("a", "all", "q", ("x", r"\boxed{1}"), (None, None), answer="1")
    tree = as_tree([one], {"a": [-3.0]}, Kind.OUTCOME)
    assert [node.score for node in tree.nodes()] == [None, -3]


# runs


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
    return write(tmp_path / "mine.jsonl", rows)


def test_a_perfect_scorer_is_perfect(labelled: Path, capsys: pytest.CaptureFixture[str]):
    assert run("judge", "scorer=checks", "data=labelled", f"data.path={labelled}", "out=run") == 0
    found = json.loads(Path("run/summary.json").read_text())
    (group,) = found["groups"]
    assert (group["f1"], group["step_auc"], group["prm_score"]) == (1, 1, 1)
    assert found["threshold"] == {"value": 0.5, "source": "default"} and found["errors"] == 0
    assert len(Path("run/scores.jsonl").read_text().splitlines()) == 12
    assert Path("run/judge.png").stat().st_size > 5000
    assert "100.0" in capsys.readouterr().out


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
    assert "+   unknown: 0.9" in capsys.readouterr().err
    assert run("judge", "run=run", "threshold=0.2") == 0
    assert json.loads(Path("run/summary.json").read_text())["threshold"] == {"value": 0.2, "source": "given"}
    assert run("judge", "run=run", "reduction=last") == 0
    assert json.loads(Path("run/summary.json").read_text())["answers"]["reduction"] == "last"
    assert run("judge", "run=run", "reduction=sum") == 2
    assert "reduction sum is not defined for scores of kind correctness; choose from" in capsys.readouterr().err


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
        assert f"run={folder} was started with another {knob}: {mine} has changed; start a new run with out=" in told


def test_stored_scores_are_judged_and_what_has_none_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    texts, scores = [rf"x\n\n\boxed{{{n}}}" for n in (1, 2, 2, 1)], [[0.9, 0.8], [0.9, 0.1], [0.2, 0.1], None]
    row = {"problem": "q", "answer": "1", "completions": texts, "scores": scores}
    write(tmp_path / "stored.jsonl", [row])
    words = ["judge", "data=completions", "data.path=stored.jsonl", "stored=true"]
    assert run(*words, "out=run") == 0
    assert "1 of 4 solutions have no stored score" in capsys.readouterr().out
    found = json.loads(Path("run/summary.json").read_text())
    rules = {name: rule["mean"] for name, rule in found["answers"]["accuracy"].items()}
    assert (
        found["errors"] == 0
        and found["solutions"] == 3
        and rules["best"] == 1
        and rules["majority"] == 0
        and rules["weighted"] == 1
    )
    write(tmp_path / "stored.jsonl", [row | {"scores": [[0.9, 7], *scores[1:]]}])
    assert run(*words, "out=other") == 0
    assert "1 solutions could not be scored and are left out; the first, 1/0: ScoreError" in capsys.readouterr().out
    write(tmp_path / "stored.jsonl", [row | {"scores": [None] * 4}])
    assert run(*words) == 2
    assert "no solution in the file has scores; leave it out" in capsys.readouterr().err


def test_another_runs_folder_is_refused(labelled: Path, capsys: pytest.CaptureFixture[str]):
    words = ["judge", "scorer=checks", "data=labelled", f"data.path={labelled}", "out=run"]
    assert run(*words) == 0
    assert run(*words, "scorer.unknown=0.9") == 2
    assert "out=run holds the results of another run" in capsys.readouterr().err


def test_a_dead_engine_is_told_and_what_was_scored_is_kept(labelled: Path, capsys: pytest.CaptureFixture[str]):
    (labelled.parent / "dying.py").write_text(
        "from search import WorkerDied\n"
        "class Dying:\n"
        "    asked = 0\n"
        "    async def score(self, question, steps):\n"
        "        Dying.asked += 1\n"
        "        if Dying.asked > 4:\n"
        "            raise WorkerDied('the engine has ended')\n"
        "        return [0.5 for _ in steps]\n"
    )
    words = ["scorer=custom", "scorer.cls=dying:Dying", "data=labelled", f"data.path={labelled}", "concurrency=1"]
    assert run("judge", *words, "out=run") == 1
    assert "the engine has ended: 4 of 12 solutions are scored and kept; resume with" in capsys.readouterr().err
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


# real runs


@pytest.mark.skipif(not RUNS.exists(), reason="no ../shared/data/search_and_learn_runs beside the checkout")
@pytest.mark.parametrize("most", [16, pytest.param(256, marks=pytest.mark.slow)])
def test_selections_agree_with_search_and_learn(most: int):
    """Their reduction is the last score. Of equal scores they take the first, as we take the lowest path.

    Where they disagree is one problem whose answers have variables (p and q): their grouping brings such answers to a
    canonical form that several different ones share, and a vote of theirs then falls on the answer 1.
    """
    path = RUNS / "llama1b_bon_n256_q3.jsonl.gz"
    samples = Completions(str(path)).load()
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    compared, differ = 0, set[tuple[int, int, str]]()
    for place, row in enumerate(rows):
        mine = samples[256 * place : 256 * (place + 1)]
        assert [s.scores[-1] for s in mine if s.scores] == row["agg_scores"]
        for k in (2**power for power in range(most.bit_length())):
            tree = as_tree(mine[:k], {s.id: s.scores or () for s in mine})
            for rule, name in ((Rule.BEST, "naive"), (Rule.WEIGHTED, "weighted"), (Rule.MAJORITY, "maj")):
                theirs = boxed(row[f"pred_{name}@{k}"]) or ""
                compared += 1
                if not any(equivalent(answer, theirs) for answer in Selection(rule, Reduction.LAST)(tree).tied):
                    differ.add((place, k, name))
                    assert theirs == "1"
    assert compared == 9 * most.bit_length()
    seven = {(1, k, "maj") for k in (32, 64, 128, 256)} | {(1, k, "weighted") for k in (64, 128, 256)}
    assert differ == {(place, k, name) for place, k, name in seven if k <= most}


LETTERS = {(place, 1, rule) for place in (71, 102, 176, 379, 425) for rule in ("naive", "weighted", "maj")}


@pytest.mark.skipif(not RUNS.exists(), reason="no ../shared/data/search_and_learn_runs beside the checkout")
@pytest.mark.parametrize(
    ("name", "same", "other", "without_box"),
    [
        ("single_llama3b_n1_q500", 1347, LETTERS, 138),
        ("beam_llama3b_n16_q100", 1353, {(15, 8, "maj")}, 146),
    ],
)
def test_selections_of_other_runs_differ_where_an_answer_is_read_otherwise(
    name: str, same: int, other: set[tuple[int, int, str]], without_box: int
):
    """Of a solution without a box they take the last number; ours does not vote. Of a boxed answer they drop letters,
    blanks and dots (`70 14` is 7014, `(a + 5)(b + 2)` is (5)(2)), and one root sign is grouped with \\sqrt.
    """
    path = RUNS / f"{name}.jsonl.gz"
    samples = Completions(str(path)).load()
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    n, agree, boxless, differ = len(rows[0]["completions"]), 0, 0, set[tuple[int, int, str]]()
    for place, row in enumerate(rows):
        mine = samples[n * place : n * (place + 1)]
        assert [s.scores[-1] for s in mine if s.scores] == row["agg_scores"]
        for k in (2**power for power in range(n.bit_length())):
            tree = as_tree(mine[:k], {s.id: s.scores or () for s in mine})
            all_boxed = all(boxed("\n\n".join(s.steps)) is not None for s in mine[:k])
            for rule, label in ((Rule.BEST, "naive"), (Rule.WEIGHTED, "weighted"), (Rule.MAJORITY, "maj")):
                theirs = boxed(row[f"pred_{label}@{k}"]) or ""
                if any(equivalent(answer, theirs) for answer in Selection(rule, Reduction.LAST)(tree).tied):
                    agree += 1
                elif all_boxed:
                    differ.add((place, k, label))
                else:
                    boxless += 1
    assert (agree, differ, boxless) == (same, other, without_box)


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
