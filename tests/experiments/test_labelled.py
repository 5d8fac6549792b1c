"""Sets of solutions with labels: read as they are published, and a defect is named with its place."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from experiments.problems.completions import Completions
from experiments.problems.json_lines import ProblemError
from experiments.problems.labelled import Labelled, PRMBench, ProcessBench
from tests.results import write_lines


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
    file = write_lines(tmp_path / "x.jsonl", [{**row, "idx": "one"}, {**row, "idx": "two"}, {**row, "idx": "one"}])
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
    path = write_lines(tmp_path / "mine.jsonl", [whole, whole | row])
    with pytest.raises(ProblemError, match=r"mine\.jsonl, line 2: ") as error:
        Labelled(str(path)).load()
    assert said in str(error.value)


@pytest.mark.parametrize("row", [{"samples": [{"text": "x"}]}, {"completions": ["x", "y"], "scores": [[0.5]]}])
def test_completions_of_another_form_are_refused(row: dict[str, Any], tmp_path: Path):
    path = write_lines(tmp_path / "run.jsonl", [{"problem": "q", "answer": "1", **row}])
    with pytest.raises(ProblemError, match=r"run\.jsonl, line 1: field '(samples|scores)' must"):
        Completions(str(path)).load()
