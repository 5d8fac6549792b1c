"""Label quality in miniature: what is read off a tree of completions, and what each kind of label makes of it."""

import asyncio
import json
import random
from pathlib import Path

import pytest
import torch

from experiments.problems import arithmetic
from experiments.tiny import label_quality
from experiments.tiny.completions import Completed, Estimated, complete, estimated, read
from experiments.tiny.label_quality import Knobs, label_errors, labels
from policies.hf import HF
from search import End, Step, Tree

QUESTION = "((1 + 2) * (3 + 4)) ="
STEPS = arithmetic.solution(arithmetic.read(QUESTION) or 0)


def grow(tree: Tree, path: tuple[int, ...], index: int, text: str) -> None:
    node = tree[path]
    if index >= node.reserve(0).start:
        node.reserve(index + 1 - node.reserve(0).start)
    end = End.DELIMITER if text.endswith("\n\n") else End.EOS
    node.add(index, Step(text, (1,), (0.0,), end))


def test_shares_are_those_of_the_completions():
    """A solution of three right steps; of two completions of the first, one is right, of one of the second, none."""
    tree = Tree(QUESTION)
    for depth, text in enumerate(STEPS):
        grow(tree, (0,) * depth, 0, text)
    grow(tree, (0,), 1, "3 + 4 = 8\n\\boxed{24}")
    grow(tree, (0,), 2, STEPS[1])
    grow(tree, (0, 2), 0, STEPS[2])
    grow(tree, (0, 0), 1, "3 * 7 = 22\n\\boxed{22}")
    assert estimated(tree, 1) == [Estimated(QUESTION, STEPS, [0.5, 0.0, 1.0])]


def test_the_kinds_of_labels():
    wrong = Estimated(QUESTION, [STEPS[0], "3 + 4 = 8\n(3 * 8)\n\n", "3 * 8 = 24\n\\boxed{24}"], [0.5, 0.0, 0.0])
    unlucky = Estimated(QUESTION, STEPS, [0.5, 0.0, 1.0])
    rng = random.Random(0)
    assert (
        labels("exact", wrong, 0, rng) == [1, 0] == labels("hard", wrong, 0, rng) == labels("consensus", wrong, 0, rng)
    )
    assert labels("soft", wrong, 0, rng) == [0.5, 0.0, 0.0]
    assert labels("hard", unlucky, 0, rng) == [1, 0] and labels("exact", unlucky, 0, rng) == [1, 1, 1]
    assert labels("consensus", unlucky, 0, rng) is None, "an exact judge finds no error"
    assert labels("judge", wrong, 1, rng) == [0], "a judge who is always wrong"


def test_a_judge_errs_as_often_as_is_said():
    solutions = [Estimated(QUESTION, STEPS[:1], [1.0])] * 4000
    kept, wrong = label_errors("judge", solutions, Knobs(flip=0.15))
    assert kept == 4000
    assert wrong == pytest.approx(0.15, abs=0.02)  # 3.5 standard errors


def test_completions_that_are_there_are_not_made_again(tmp_path: Path):
    file = tmp_path / "solutions.jsonl"
    asked = [QUESTION, "(1 + 2) ="]
    asyncio.run(complete(asked[:1], Completed(2, 2), HF(max_tokens=100), 0, file))
    first = file.read_text()
    asyncio.run(complete(asked, Completed(2, 2), HF(max_tokens=100), 0, file))
    assert file.read_text().startswith(first)
    solutions = read(file)
    assert [solution.question for solution in solutions] == [QUESTION] * 2 + ["(1 + 2) ="] * 2
    assert all(len(solution.shares) == len(solution.steps) for solution in solutions)
    assert {share * 2 % 1 for solution in solutions for share in solution.shares} == {0}


@pytest.mark.slow
def test_it_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    knobs = ["samples=2", "completions=2", "steps=2", "rows=1", "row_tokens=256", "unseen=4", "max_level=1", "n=2"]
    knobs += ["base=tiny", "choosing=4"]
    questions = ["(1 + 2) =", "(3 * 4 - 5) =", "((1 + 2) * (3 + 4)) ="]  # short ones
    monkeypatch.setattr(label_quality, "training_questions", lambda salt, count: questions)
    where = [f"work={tmp_path / 'work'}", f"picture={tmp_path / 'picture.png'}", f"threads={torch.get_num_threads()}"]
    monkeypatch.setattr("sys.argv", ["label_quality", *knobs, *where])
    monkeypatch.setattr(label_quality, "KINDS", ("exact", "soft"))  # the others differ in their labels alone
    label_quality.main()
    assert "exact" in capsys.readouterr().out
    found = json.loads((tmp_path / "work" / "figures.json").read_text())
    assert [figure["kind"] for figure in found] == ["exact", "soft"]
    assert (tmp_path / "picture.png").stat().st_size > 5000
