"""The yardstick scorer: right labels without noise, and with it the AUC that the noise makes."""

from statistics import NormalDist

import numpy as np
import pytest

from experiments.analysis.step_metrics import auc
from experiments.problems import arithmetic
from experiments.tiny.noisy import Noisy
from scorers.conformance import check_scorer
from search import Step


def solution(place: int, problem: arithmetic.Group) -> tuple[str, list[Step]]:
    """A right solution of a generated question, its last step made wrong at every other place."""
    texts = arithmetic.solution(problem)
    if place % 2:
        texts = [*texts[:-1], "1 + 1 = 3\n\\boxed{123456}"]
    return arithmetic.question(problem), [Step(text) for text in texts]


@pytest.mark.parametrize("error", [0.0, 1.0, 2.0])
def test_the_auc_is_that_of_two_normal_distributions(error: float):
    """4 apart, each of deviation `error`: Phi(4 / (error x sqrt 2)); 800 solutions, five deviations of the estimate."""
    scorer, scores, right = Noisy(error), list[float](), list[bool]()
    for place, problem in enumerate(arithmetic.problem_set(0, 800)):
        question, steps = solution(place, problem)
        scores.append(scorer.score(question, steps)[-1])
        right.append(place % 2 == 0)
    known = NormalDist().cdf(4 / (error * 2**0.5)) if error else 1.0
    assert auc(np.array(scores), np.array(right)) == pytest.approx(known, abs=5 * 0.01 * (error > 0))


def test_it_keeps_the_promises_of_a_scorer():
    check_scorer(Noisy())
