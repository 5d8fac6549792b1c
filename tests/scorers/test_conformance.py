"""The conformance kit: every scorer of ours passes, and each way to break a promise is caught and named."""

import math
import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from scorers.conformance import CASES, Case, ConformanceError, check_scorer
from scorers.prm import PRM
from scorers.self_certainty import SelfCertainty
from scorers.toy import Toy
from search import Cost, End, Node, Scored, Step

Pairs = list[tuple[str, list[Step]]]


class Good:
    """By the length of a step's text."""

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [1 / (1 + len(step.text)) for step in steps]


class GoodMany(Good):
    def score_many(self, pairs: Pairs) -> list[list[float]]:
        return [self.score(*pair) for pair in pairs]


class GoodOutcome:
    kind = "outcome"

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [len(steps) - 7.5]


def toy_case(*path: int) -> Case:
    """A walk to a leaf of the toy world."""
    ends = [End.DELIMITER] * (len(path) - 1) + [End.ANSWER]
    return Case("toy", tuple(Step("?", (i,), (-1.0,), end) for i, end in zip(path, ends, strict=True)))


@pytest.mark.parametrize("scorer", [Good(), GoodMany(), GoodOutcome(), SelfCertainty()], ids=lambda s: type(s).__name__)
def test_good_scorers_pass(scorer: object):
    check_scorer(scorer)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_the_toy_scorer_passes(error: float):
    check_scorer(Toy(error=error), [toy_case(0, 1, 2, 0), toy_case(2, 2, 2, 2), toy_case(2, 0, 1, 1)], tolerance=1e-9)


@pytest.mark.parametrize("knobs", [{}, {"batch_size": 2}, {"deterministic": True}])
def test_a_process_reward_model_passes(random_prm: str, knobs: dict[str, Any]):
    check_scorer(PRM(random_prm, **knobs), tolerance=1e-4)


def test_the_shipped_reward_model_passes():
    check_scorer(PRM())


class TooFew(Good):
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return super().score(question, steps)[:2]


class OutOfRange(Good):
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [1.0 + (len(step.text) > 100) for step in steps]


class NotANumber(Good):
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [math.nan if not step.text.strip() else 0.5 for step in steps]


class Raises(Good):
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [0.5 / len(step.text.strip()) for step in steps]


class Sloppy(Good):
    """Mixes up the answers where more than one is asked for."""

    def score_many(self, pairs: Pairs) -> list[list[float]]:
        texts = [step.text for _, steps in pairs for step in steps]
        return [[len(max(texts)) / 1000] * len(steps) for _, steps in pairs]


class Padded(Good):
    """Scores depend on the longest of the batch."""

    def score_many(self, pairs: Pairs) -> list[list[float]]:
        longest = max(len(steps) for _, steps in pairs)
        return [[1 / longest] * len(steps) for _, steps in pairs]


class LooksAhead(Good):
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [1 / len(steps) for _ in steps]


class ReadsLogprobs(Good):
    reads_logprobs: bool | None = False

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [math.exp(sum(step.logprobs)) for step in steps]


class SaysThatItReadsThem(ReadsLogprobs):
    reads_logprobs = True


class AllowedToLookAhead(LooksAhead):
    prefix_consistent = False


class WrongSince:
    """Slices from the wrong end."""

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([1 / (1 + place) for place in range(len(steps) - since)], Cost())


class IgnoresSince:
    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([0.5] * len(steps), Cost())


class NegativeCost:
    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([0.5] * (len(steps) - since), Cost(computed=-1))


class Optimist:
    """Costs more than it says."""

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([0.5] * (len(steps) - since), Cost(computed=8, flops=8.0))

    def worst_case(self, node: Node, tokens: int) -> Cost:
        return Cost(computed=8, flops=7.0)


class Mutates:
    async def score(self, question: str, steps: list[Step], since: int) -> Scored:
        count = len(steps) - since
        steps.reverse()
        return Scored([0.5] * count, Cost())


class Random(Good):
    def __init__(self) -> None:
        self._rng, self._lock = random.Random(0), threading.Lock()

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        with self._lock:
            return [self._rng.random() for _ in steps]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (TooFew, "case 1 .*alone: ScoreError: TooFew returned 2 numbers for 3 steps"),
        (OutOfRange, "case 4 .*alone: ScoreError: the scorer returned 2.0 for step 1"),
        (NotANumber, "case 2 .*alone: ScoreError: the scorer returned nan for step 2"),
        (Raises, "case 2 .*alone: ZeroDivisionError"),
        (Sloppy, "case 0: among others at the same time, step 1 has .* and not"),
        (Padded, "case 0: among others at the same time, step 1 has .* and not"),
        (ReadsLogprobs, "case 0: without log-probabilities, which it says it does not read, step 1 has 1 and not 0.49"),
        (LooksAhead, "case 1: before later steps follow its first 1, step 1 has 1 and not 0.33"),
        (WrongSince, "case 1: with since=1, step 1 has 1 and not 0.5"),
        (IgnoresSince, "case 1 .*since=1: ScoreError: the scorer returned 3 scores for 2 steps"),
        (NegativeCost, "case 0, alone: its cost is negative"),
        (Optimist, "case 0, alone: it costs more than its worst case: 8 FLOPs and not 7"),
        (Mutates, "case 1, alone: it changed the list of steps"),
        (Random, "case 0: among others at the same time"),
    ],
)
def test_every_broken_promise_is_caught_and_named(broken: type, message: str):
    with pytest.raises(ConformanceError, match=f"{broken.__name__} breaks its promises:[\\s\\S]*- {message}"):
        check_scorer(broken())


def test_looking_ahead_may_be_declared():
    check_scorer(AllowedToLookAhead())


def test_reading_log_probabilities_may_be_declared():
    check_scorer(SaysThatItReadsThem())


def test_all_that_is_wrong_is_listed():
    class Awful(Good):
        def score(self, question: str, steps: Sequence[Step]) -> list[float]:
            return [math.nan] if len(steps) == 1 else [2.0 / len(steps)] * len(steps)

    with pytest.raises(ConformanceError) as caught:
        check_scorer(Awful())
    assert "nan" in str(caught.value) and "before later steps follow" in str(caught.value)


def test_cases_end_finished_and_differ():
    assert all(case.steps[-1].finished and not any(s.finished for s in case.steps[:-1]) for case in CASES)
    assert len(set(CASES)) == len(CASES)
