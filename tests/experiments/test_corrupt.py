"""Corruptions: sound up to the corrupted step, wrong from there on, each kind where it applies."""

import random

import pytest

from experiments.problems.arithmetic import Group, expression, labels, question, solution
from experiments.tiny.corrupt import KINDS, corrupt


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_is_wrong_from_its_step_on(kind: str):
    rng, found = random.Random(0), 0
    for _ in range(60):
        tree = expression(rng, rng.choice((1, 2, 3)), 4)
        wrong = corrupt(tree, kind, rng)
        if wrong is None:
            continue
        found += 1
        right = labels(question(tree), wrong.steps)
        assert right == [True] * wrong.first_wrong + [False] * (len(right) - wrong.first_wrong)
        assert wrong.steps[: wrong.first_wrong] == solution(tree)[: wrong.first_wrong]
        assert wrong.steps[-1].endswith("}"), "sound work goes on to an answer"
    assert found >= 30


def test_a_kind_that_cannot_apply_gives_none():
    sums = Group((1, 2, 3), ("+", "+"))
    rng = random.Random(0)
    assert corrupt(Group((1, 2), ("+",)), "wrong_operation", rng) is None, "there is no operation on the way"
    assert corrupt(sums, "wrong_order", rng) is None, "there is no product that could be taken too late"
    assert corrupt(sums, "swapped_terms", rng) is None, "and its terms commute"
