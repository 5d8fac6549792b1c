"""Training data: the rows of every format by hand, merging, the split, contamination, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import RunError
from experiments.labels.formats import Format, rows
from experiments.labels.labels import Labelled, Labels, Method, labels_file
from experiments.labels.merging import Question, merged
from experiments.labels.questions import contaminated, evaluation_questions, is_validation, normalised
from search import Ledger
from tests.command_line import run

WRONG = Labelled(("a\n\n", "b\n\n", "\\boxed{2}"), (True, False, None), (0.5, 0.0, None), (4, 4, 0), (2, 0, 0), False)
RIGHT = Labelled(("a\n\n", "c\n\n", "\\boxed{1}"), (True, True, True), (0.5, 0.75, 1.0), (4, 4, 1), (2, 3, 1), True)
QUESTION = Question("p", "What?", "1", "monte_carlo", (WRONG, RIGHT))
WHENCE = {"problem": "p", "method": "monte_carlo", "estimator": "sample"}


def lines(*solutions: Labelled, **more: Any) -> Labels:
    return Labels(**{**vars(Labels("p", "What?", "1", "monte_carlo", (), solutions, Ledger())), **more})


def written(form: Format, question: Question = QUESTION, margin: float = 0.5) -> list[dict[str, Any]]:
    return list(rows(question, form, margin))


def test_a_solution_to_imitate_says_what_its_programs_printed() -> None:
    steps = ("Let me see.\n\n", "```python\nprint(7)\n```\n```output\n7\n```\n", "So\n\n\\boxed{7}")
    (row,) = written(Format.SFT, replace(QUESTION, solutions=(replace(RIGHT, steps=steps),)))
    content = row["completion"][0]["content"]
    assert [content[start:end] for start, end in row["outputs"]] == ["```output\n7\n```\n"]
    assert "outputs" not in written(Format.SFT)[0]


def test_rows_of_a_reward_model_end_before_the_first_unlabelled_step():
    first, second = written(Format.PRM)
    assert first == {
        "prompt": "What?",
        "completions": ["a", "b"],
        "labels": [True, False],
        "values": [0.5, 0.0],
        "rollouts": [4, 4],
        **WHENCE,
    }
    assert second["completions"] == ["a", "c", "\\boxed{1}"] and second["values"] == [0.5, 0.75, 1.0]
    unknown = replace(RIGHT, labels=(None, True, True))
    assert not written(Format.PRM, replace(QUESTION, solutions=(unknown,)))


def test_rows_of_math_shepherd_differ_in_their_marks_alone():
    row, _ = written(Format.MATH_SHEPHERD)
    assert row["input"] == "What? Step 1: a ки\nStep 2: b ки" and row["label"] == "What? Step 1: a +\nStep 2: b -"
    assert row["rollouts"] == [4, 4]
    numbered = replace(QUESTION, solutions=(replace(RIGHT, steps=("Step 1: a\n\n", "c\n\n", "d")),))
    assert written(Format.MATH_SHEPHERD, numbered)[0]["input"].startswith("What? Step 1: a ки\nStep 2: c")


def test_rows_of_prm800k_have_a_rating_a_step():
    first, second = written(Format.PRM800K)
    assert first["question"] == {
        "problem": "What?",
        "ground_truth_answer": "1",
        "pre_generated_steps": ["a", "b", "\\boxed{2}"],
    }
    ratings = [[step["completions"][0]["rating"] for step in row["label"]["steps"]] for row in (first, second)]
    assert ratings == [[1, -1], [1, 1, 1]]
    assert [row["label"]["finish_reason"] for row in (first, second)] == ["found_error", "solution"]


def test_a_preference_is_between_steps_that_follow_the_same_ones():
    (pair,) = written(Format.PREFERENCE)
    assert pair == {
        "prompt": "What?\n\na\n\n",
        "chosen": "c\n\n",
        "rejected": "b\n\n",
        "margin": 0.75,
        "values": [0.75, 0.0],
        "rollouts": [4, 4],
        **WHENCE,
    }
    assert not written(Format.PREFERENCE, margin=0.8)


def test_only_right_solutions_are_imitated():
    (row,) = written(Format.SFT)
    assert row["prompt"] == [{"role": "user", "content": "What?"}]
    assert row["completion"] == [{"role": "assistant", "content": "a\n\nc\n\n\\boxed{1}"}]
    assert len(row["values"]) == len(row["rollouts"]) == 3


# merging


def test_equal_solutions_of_two_problems_add_up():
    other = replace(RIGHT, labels=(False, True, True), values=(0.0, 0.25, 1.0), right=(0, 1, 1))
    (question,) = merged([lines(RIGHT), lines(other, WRONG, problem="q", question="what ?")])
    both, wrong = question.solutions
    assert (both.rollouts, both.right) == ((8, 8, 2), (2, 4, 2))
    assert both.values == (0.25, 0.5, 1.0) and both.labels == (True, True, True)
    assert wrong == WRONG and question.problem == "p"


@pytest.mark.parametrize("order", [1, -1])
def test_samples_win_over_what_a_searcher_chose(order: int):
    chosen = replace(RIGHT, estimator="search", values=(1.0, 1.0, 1.0), right=(4, 4, 1))
    (question,) = merged([lines(*[RIGHT, chosen][::order])])
    assert question.solutions == (RIGHT,)


def test_labels_that_contradict_each_other_are_refused():
    judged = [Labelled(("a",), (label,), (float(label),), (0,), (0,), True, "critic") for label in (True, False)]
    with pytest.raises(RunError, match="step 1 of a solution is labelled right and wrong"):
        merged([lines(judged[0]), lines(judged[1], problem="q")])
    with pytest.raises(RunError, match="problems p and q ask the same question and have the gold answers '1' and '2'"):
        merged([lines(RIGHT), lines(WRONG, problem="q", gold="2")])


# questions


def test_a_question_is_the_same_in_other_typography():
    assert normalised("Find $x^2$ \n in \\(y\\)") == normalised("find x^2 in y")
    assert normalised("ﬁnd x²") == normalised("find x2")
    assert normalised("(3 + 4) =") == normalised("(3+4)=") != normalised("(3 - 4) =")


def test_the_split_is_by_question_and_as_large_as_asked():
    """2,000 questions at 0.2: 400, within four standard errors of 18."""
    held_out = [f"question {i}" for i in range(2000) if is_validation(f"question {i}", 0.2)]
    assert 330 < len(held_out) < 470
    assert all(is_validation(text.upper() + " ", 0.2) for text in held_out)
    assert not is_validation("question 1", 0) and not any(
        is_validation(text, 0.1) and not is_validation(text, 0.2) for text in map(str, range(200))
    )


def test_evaluation_sets_are_named_by_set_or_file(tmp_path: Path):
    file = tmp_path / "mine.jsonl"
    file.write_text('{"problem": "What ?"}\n{"question": "Why?"}\n')
    assert contaminated(["What?", "How?"], [str(file)]) == {str(file): ["What?"]}
    assert len(evaluation_questions("arithmetic")) == 200
    assert not contaminated(["How?"], [str(file), "arithmetic"])


# the command


@pytest.fixture
def labelled(copied: Path) -> Path:
    """The toy run with labels of its leaves."""
    assert run("label", "run=run", "method=tree", "least=1") == 0
    return copied


def rows_of(*files: str) -> list[dict[str, Any]]:
    return [json.loads(line) for file in files for line in Path(file).read_text().splitlines()]


@pytest.mark.parametrize("form", list(Format))
def test_every_format_is_divided_by_problem_and_has_what_it_rests_on(form: Format, labelled: Path):
    words = ["export", "run=run", f"format={form.value}", "out=x.jsonl", "validation=0.4", "margin=0.2"]
    assert run(*words) == 0
    training, held_out = rows_of("x.jsonl"), rows_of("x.validation.jsonl")
    assert training and held_out
    assert not {row["problem"] for row in training} & {row["problem"] for row in held_out}
    for row in training + held_out:
        assert len(row["values"]) == len(row["rollouts"]) and row["method"] == "tree"
        assert row["estimator"] in ("sample", "search")
    keys = [json.dumps({**row, "problem": ""}, sort_keys=True) for row in training]
    assert len(set(keys)) == len(keys), "equal rows are one"


@pytest.mark.parametrize("form", list(Format))
def test_datasets_loads_every_format(form: Format, labelled: Path, tmp_path: Path):
    load_dataset = pytest.importorskip("datasets", reason="the extra [datasets] is not installed").load_dataset
    assert run("export", "run=run", f"format={form.value}", "out=x.jsonl", "validation=0", "margin=0.2") == 0
    loaded = load_dataset("json", data_files="x.jsonl", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == len(rows_of("x.jsonl")) and {"values", "rollouts"} <= set(loaded.column_names)


def test_what_evaluation_sets_ask_is_refused_or_left_out(labelled: Path, capsys: pytest.CaptureFixture[str]):
    Path("test.jsonl").write_text('{"question": "Q0 "}\n')
    words = ["export", "run=run", "format=prm", "out=x.jsonl", "validation=0", "against=test.jsonl"]
    assert run(*words) == 2
    assert "1 in test.jsonl of 5, the first: 'q0'" in capsys.readouterr().err and not Path("x.jsonl").exists()
    assert run(*words, "contaminated=drop") == 0
    assert "1 in test.jsonl of 5" in capsys.readouterr().out
    assert {row["prompt"] for row in rows_of("x.jsonl")} == {"q1", "hated q2", "q3", "q4"}


def test_what_cannot_be_exported_is_refused_and_nothing_overwritten(labelled: Path, capsys: pytest.CaptureFixture[str]):
    def said(*words: str) -> str:
        assert run("export", *words) == 2
        return capsys.readouterr().err

    prm = ("run=run", "format=prm", "out=x.jsonl")
    assert "run=DIR" in said("format=prm", "out=x.jsonl")
    assert "format=prm|math_shepherd" in said("run=run", "out=x.jsonl")
    assert "no labels; make them with" in said("run=nowhere", *prm[1:])
    assert "stepsearch label run=run method=binary" in said(*prm, "labels=binary")
    assert "no such problem set; name a .jsonl file" in said(*prm, "against=math600")
    assert "its folder does not exist" in said(*prm[:2], "out=no/x.jsonl")
    assert "must be" in said(*prm, "validation=1")
    Path("x.validation.jsonl").write_text("mine")
    assert "x.validation.jsonl exists" in said(*prm) and Path("x.validation.jsonl").read_text() == "mine"
    labels_file(Path("run"), Method.BINARY).write_text("")
    assert "several labels; name one: labels=binary|tree" in said(*prm[:2], "out=y.jsonl")
    assert "no problem is left" in said(*prm[:2], "out=y.jsonl", "labels=binary")
    assert not Path("x.jsonl").exists() and not Path("y.jsonl").exists()
    labels_file(Path("run"), Method.BINARY).write_text(lines(WRONG).dumps() + "\n")
    one = ("run=run", "out=y.jsonl", "labels=binary", "validation=0")
    assert "no two next steps differ by margin=0.5" in said(*one, "format=preference")
    assert "no solution is right" in said(*one, "format=sft")
    assert not Path("y.jsonl").exists()
    labels_file(Path("run"), Method.BINARY).write_text('{"problem": 1}\n')
    assert "binary.jsonl, line 1: not labels of this version" in said(*prm[:2], "out=y.jsonl", "labels=binary")
