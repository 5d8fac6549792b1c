"""The policy's own certainty: known values, and no score where there is nothing to go by."""

import asyncio
import math

import pytest

from scorers.self_certainty import Measure, SelfCertainty
from search import Cost, ScoreError, Step


def score(*steps: Step, since: int = 0, measure: Measure = Measure.LOGPROB) -> list[float]:
    scored = asyncio.run(SelfCertainty(measure).score("question", steps, since))
    assert scored.cost == Cost(calls=0, flops=0)
    return list(scored.scores)


def step(*probabilities: float) -> Step:
    logprobs = tuple(math.log(probability) for probability in probabilities)
    return Step("text", tuple(range(len(logprobs))), logprobs)


def test_it_is_the_geometric_mean_of_token_probabilities():
    assert score(step(0.5), step(0.25, 1.0), step(0.1, 0.1, 0.1)) == pytest.approx([0.5, 0.5, 0.1])
    assert score(step(0.5), step(0.25, 1.0), step(0.9), since=2) == pytest.approx([0.9])


def test_other_measures_have_known_values():
    assert score(step(0.9, 0.4, 0.6, 0.5), measure=Measure.DOMINANT) == [0.5]
    two = Step("text", (1, 2), (-0.7, -0.7), entropy=(math.log(2), math.log(8)))
    assert score(two, measure=Measure.ENTROPY) == pytest.approx([1 / 4]), "two words, then eight: four on average"
    with pytest.raises(ScoreError, match=r"no entropies.*another scorer\.measure"):
        score(step(0.5), measure=Measure.ENTROPY)


def test_certainty_is_never_above_one():
    assert score(Step("a", (1,), (1e-7,)), Step("")) == [1.0, 1.0]


def test_a_policy_without_logprobs_is_a_clear_error():
    with pytest.raises(ScoreError, match="a step of 2 tokens has 0 log-probabilities"):
        score(step(0.5), Step("text", (1, 2)))


@pytest.mark.parametrize(
    ("measure", "value"), [(Measure.LOGPROB, 0.25), (Measure.ENTROPY, 1 / 4), (Measure.DOMINANT, 0.5)]
)
def test_only_what_the_policy_wrote_counts(measure: Measure, value: float):
    """A token given, two written of which the last ends the solution, two observed."""
    logprobs = tuple(math.log(p) for p in (1e-9, 1 / 12, 3 / 4, 1e-9, 0.9))
    entropy = (9.0, math.log(2), math.log(8), 9.0, 9.0)
    mixed = Step("text", (1, 2, 3, 4, 5), logprobs, entropy=entropy, given=1, closing=1, observed=2)
    assert score(mixed, measure=measure) == pytest.approx([value])


@pytest.mark.parametrize("measure", Measure)
def test_a_step_that_the_policy_did_not_write_is_sure(measure: Measure):
    observed = Step("output", (1, 2), (-3.0, -4.0), entropy=(1.0, 1.0), observed=2)
    given = Step("hint", (1,), (-3.0,), entropy=(1.0,), given=1)
    assert score(observed, given, Step("", entropy=()), measure=measure) == [1, 1, 1]
