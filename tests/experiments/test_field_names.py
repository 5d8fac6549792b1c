"""Files whose fields have other names, or stand inside others: as Qwen2.5-Math's evaluation and lm-eval write them."""

from typing import Any

import pytest

from experiments.problems.completions import Completions
from experiments.problems.json_lines import ProblemError
from experiments.problems.labelled import Labelled
from experiments.problems.sets import Jsonl
from tests.command_line import run
from tests.experiments.toy_sweep import lines

TEXTS = [r"1 + 1 = 2, so \boxed{2}", r"\boxed{3}"]
QWEN = {
    "idx": 7,
    "question": "1 + 1?",
    "gt_cot": "2",
    "gt": "2",
    "code": TEXTS,
    "pred": ["2", "3"],
    "score": [True, False],
}
QWEN_KNOBS = {"question": "question", "answer": "gt", "completions": "code", "unique_id": "idx"}
HARNESS = {"doc_id": 7, "doc": {"problem": "1 + 1?", "answer": "2"}, "resps": [TEXTS]}
HARNESS_KNOBS = {"question": "doc.problem", "answer": "doc.answer", "completions": "resps.0", "unique_id": "doc_id"}


@pytest.mark.parametrize(("record", "knobs"), [(QWEN, QWEN_KNOBS), (HARNESS, HARNESS_KNOBS)])
def test_completions_of_other_programs(record: dict[str, Any], knobs: Any, write: Any):
    first, second = Completions(write(record), **knobs).load()
    assert (first.question, first.answer, first.problem, first.id) == ("1 + 1?", "2", "7", "7/0")
    assert ["".join(solution.steps) for solution in (first, second)] == TEXTS


def test_they_are_imported_and_graded(
    write: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, undrawn: None, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    words = [f"data.{knob}={field}" for knob, field in HARNESS_KNOBS.items()]
    assert run("import", f"data.path={write(HARNESS)}", *words, "out=run") == 0
    (result,) = lines()
    assert result["problem"] == "7" and result["oracle"] is True


def test_a_field_with_a_dot_in_its_name_is_that_field(write: Any):
    record = {"doc.question": "the field", "doc": {"question": "another"}, "answer": "2", "completions": ["x"]}
    assert Completions(write(record), question="doc.question").load()[0].question == "the field"


@pytest.mark.parametrize("field", ["doc.nothing", "doc.problem.deeper", "resps.5", "resps.x", "nothing.at.all"])
def test_a_field_that_is_not_there_is_named_with_its_knob(field: str, write: Any):
    knobs: Any = {**HARNESS_KNOBS, "completions": field}
    with pytest.raises(ProblemError, match=rf"line 1: no field '{field}'; .*; set data\.completions to one"):
        Completions(write(HARNESS), **knobs).load()


def test_problems_and_labelled_solutions_read_them_too(write: Any):
    (problem,) = Jsonl(write(HARNESS), question="doc.problem", answer="doc.answer", id="doc_id").load()
    assert (problem.question, problem.answer) == ("1 + 1?", "2")
    record = {"doc": {"q": "1 + 1?", "gold": "2"}, "steps": ["a"], "labels": [True]}
    (solution,) = Labelled(write(record), question="doc.q", answer="doc.gold").load()
    assert (solution.question, solution.answer) == ("1 + 1?", "2")
