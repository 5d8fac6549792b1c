"""What `stepsearch judge` computes: step metrics, biases, votes and Best-of-N, against values counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.biases import biases
from experiments.analysis.judgement import DIMENSIONS, Threshold, choose, f1_interval, judgement
from experiments.analysis.step_metrics import (
    FirstErrors,
    Judged,
    Steps,
    best_threshold,
    calibration,
    calibration_error,
    every_step,
    prm_score,
    step_f1,
)
from experiments.problems.json_lines import ProblemError
from experiments.problems.labelled import Labelled
from experiments.problems.solution import Solution, as_tree, by_problem
from experiments.reports.judgement_picture import draw
from search import Kind, Reduction
from tests.results import write_lines

RIGHT, WRONG = "2 + 2 = 4", "2 + 2 = 5"


def solution(name: str, right: list[bool | None], **known: Any) -> Solution:
    steps = tuple(RIGHT if label else WRONG for label in right)
    return Solution(name, known.pop("group", "all"), known.pop("question", name), steps, tuple(right), **known)


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
    value, source = choose(judged, Kind.CORRECTNESS)
    assert 0.3 < value <= 0.4 and source == "chosen on a"
    assert choose({"a": judged["a"]}, Kind.CORRECTNESS) == (0.5, "default")


def test_the_default_threshold_is_that_of_the_kind():
    """A perfect additive scorer on a single subset, where no threshold is chosen."""
    held = [solution("a", [True, True]), solution("b", [True, False])]
    scores = {"a": [0.1, 0.2], "b": [0.3, -0.4]}
    found = judgement(held, scores, 0, Kind.ADDITIVE, None)
    assert found.threshold == (0, "default") and found.groups[0].f1.f1 == 1
    assert judgement(held, scores, 0, Kind.CORRECTNESS, None).threshold == (0.5, "default")


def test_the_interval_of_f1_resamples_problems():
    """50 problems of 16 solutions that are all alike say no more than 50 problems of one; each alone says too much."""
    rng = np.random.default_rng(0)
    right, hit = rng.random(50) < 0.5, rng.random(50) < 0.7
    one = FirstErrors(right, hit, np.ones(50, dtype=bool))
    alike = FirstErrors(*(np.repeat(array, 16) for array in one))
    single = f1_interval(one, range(50))
    assert f1_interval(alike, list(np.repeat(range(50), 16))) == pytest.approx(single)
    low, high = f1_interval(alike, range(800))
    assert high - low < (single.high - single.low) / 3


def test_a_scorer_without_a_mistake_has_an_interval():
    """Ten right and ten wrong solutions: 0.7225 is the low end of Wilson's interval of 10 of 10."""
    errors = FirstErrors(np.arange(20) < 10, np.ones(20, dtype=bool), np.ones(20, dtype=bool))
    assert f1_interval(errors, range(20)) == (pytest.approx(0.7225, abs=1e-4), 1)


def test_problems_of_the_same_text_stay_apart():
    """Two problems with one question and two gold answers, and two with ids; an id with two gold answers is refused."""

    def sample(name: str, answer: str, gold: str, problem: str | None = None) -> Solution:
        text = rf"\boxed{{{answer}}}"
        return Solution(name, "all", "q", (text,), (None,), answer=gold, problem=problem)

    held = [sample("a", "1", "1"), sample("b", "1", "2"), sample("c", "1", "1"), sample("d", "1", "2")]
    assert [[one.id for one in same] for same in by_problem(held)] == [["a", "c"], ["b", "d"]]
    found = judgement(held, {s.id: [0.5] for s in held}, 0, Kind.CORRECTNESS, None).answers
    assert found is not None and found.correct["best"].tolist() == [1, 0]
    named = [sample("a", "1", "1", "x"), sample("b", "1", "1", "y")]
    assert len(by_problem(named)) == 2
    with pytest.raises(ProblemError, match="problem x has two questions or gold answers"):
        by_problem([*named, sample("c", "1", "2", "x")])


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


def test_labelled_solutions_with_a_gold_answer_vote(tmp_path: Path):
    rows = [
        {"question": "q", "steps": [text], "labels": [True], "answer": "4"} for text in (r"\boxed{4}", "cut", "cut")
    ]
    held = Labelled(str(write_lines(tmp_path / "mine.jsonl", rows))).load()
    found = judgement(held, {s.id: [0.5] for s in held}, 0, Kind.CORRECTNESS, Threshold(0.5, "given")).answers
    assert found is not None
    assert {name: row.tolist() for name, row in found.correct.items()}["majority"] == [1], "what is cut does not vote"
    assert found.correct["one sample"].tolist() == [pytest.approx(1 / 3)]


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
    by_score = {"best": [1], "weighted": [1], "odds": [1], "power4": [1]}
    assert rules == {"one sample": [0.25], "majority": [0], "oracle": [1], **by_score}


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
