"""A class with one method becomes a scorer, and one that cannot says why."""

import asyncio
import re
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from policies.toy import Toy
from scorers.custom import ScorerError, adapt
from search import MCTS, BestOfN, Cost, Job, Kind, Scored, ScoreError, Step, Tree, solve, solve_all

STEPS = [Step("one\n\n"), Step("three\n\n"), Step("\\boxed{3}")]


def lengths(steps: Sequence[Step]) -> list[float]:
    return [len(step.text) / 100 for step in steps]


class Plain:
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return lengths(steps)


class Coroutine:
    async def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return lengths(steps)


class Full:
    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored(lengths(steps)[since:], Cost(computed=7, flops=3.0))


class Many:
    def score_many(self, pairs: list[tuple[str, list[Step]]]) -> list[list[float]]:
        return [lengths(steps) for _, steps in pairs]


def ask(scorer: object, since: int = 0) -> Scored:
    return asyncio.run(adapt(scorer).score("question", STEPS, since))


@pytest.mark.parametrize("scorer", [Plain(), Coroutine(), Full(), Many()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("since", [0, 1, 2])
def test_every_form_gives_the_steps_asked_for(scorer: object, since: int):
    assert list(ask(scorer, since).scores) == lengths(STEPS)[since:]
    assert adapt(scorer).kind is Kind.CORRECTNESS


def test_flops_of_a_plain_scorer_are_unknown_and_stay_so_in_the_ledger():
    assert ask(Plain()).cost == Cost(calls=1, flops=None)
    assert ask(Full()).cost == Cost(computed=7, flops=3.0)
    tree = asyncio.run(solve("question", BestOfN(3), Toy(), adapt(Plain())))
    assert tree.ledger.flops is None and tree.ledger.scorer_calls >= 1


@pytest.mark.parametrize("kind", [Kind.ADDITIVE, "additive"])
def test_kind_is_a_kind_or_its_name(kind: Any):
    class Additive(Plain):
        pass

    Additive.kind = kind  # pyright: ignore[reportAttributeAccessIssue]
    assert adapt(Additive()).kind is Kind.ADDITIVE


def test_a_plain_method_runs_in_a_thread_one_call_at_a_time():
    running, most, threads = [0], [0], set()

    class Slow(Plain):
        def score(self, question: str, steps: Sequence[Step]) -> list[float]:
            running[0] += 1
            most[0] = max(most[0], running[0])
            threads.add(threading.current_thread())
            time.sleep(0.01)
            running[0] -= 1
            return lengths(steps)

    async def ask_ten() -> None:
        scorer = adapt(Slow())
        await asyncio.gather(*(scorer.score(str(i), STEPS, 0) for i in range(10)))

    asyncio.run(ask_ten())
    assert most == [1] and len(threads) == 1 and threading.main_thread() not in threads


def test_score_many_gets_what_waits_as_batches_of_at_most_its_size():
    sizes = []

    class Counting(Many):
        batch_size = 4

        def score(self, question: str, steps: Sequence[Step]) -> list[float]:
            raise AssertionError("score_many is asked instead")

        def score_many(self, pairs: list[tuple[str, list[Step]]]) -> list[list[float]]:
            sizes.append(len(pairs))
            return super().score_many(pairs)

    async def ask_ten() -> list[Scored]:
        scorer = adapt(Counting())
        return await asyncio.gather(*(scorer.score(str(i), STEPS[: 1 + i % 3], 0) for i in range(10)))

    answers = asyncio.run(ask_ten())
    assert sizes == [4, 4, 2]
    assert [list(a.scores) for a in answers] == [lengths(STEPS[: 1 + i % 3]) for i in range(10)]


def test_an_exception_is_that_problems_alone():
    class Picky(Many):
        def score_many(self, pairs: list[tuple[str, list[Step]]]) -> list[list[float]]:
            if any("poison" in question for question, _ in pairs):
                raise ZeroDivisionError("poison")
            return super().score_many(pairs)

    async def run() -> dict[str, Exception | None]:
        scorer = adapt(Picky())
        jobs = [Job(q, MCTS(simulations=2), Toy(), scorer) for q in ("fine", "poison", "good")]
        return {solved.job.question: solved.error async for solved in solve_all(jobs)}

    errors = asyncio.run(run())
    assert isinstance(errors.pop("poison"), ZeroDivisionError)
    assert errors == {"fine": None, "good": None}


def test_an_outcome_scorer_may_return_the_solutions_number_alone():
    class Outcome:
        kind = "outcome"

        def score(self, question: str, steps: Sequence[Step]) -> list[float]:
            return [0.25 * len(steps)]

    assert list(ask(Outcome(), since=2).scores) == [0.75]
    tree: Tree = asyncio.run(solve("question", BestOfN(2), Toy(), adapt(Outcome())))
    assert all(leaf.score == 0.25 * leaf.depth for leaf in tree.leaves())


def returning(answer: Any) -> object:
    return type("Odd", (), {"score": lambda self, question, steps: answer})()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([0.5], "Odd returned 1 numbers for 3 steps: return one for every step"),
        ([0.5] * 4, "Odd returned 4 numbers for 3 steps"),
        (0.5, "Odd returned 0.5 for 3 steps: return a list of 3 numbers"),
        (None, "Odd returned None for 3 steps"),
        (["good", "bad", "good"], "Odd returned ['good', 'bad', 'good'] for 3 steps"),
    ],
)
def test_a_wrong_answer_is_a_clear_error(answer: Any, message: str):
    with pytest.raises(ScoreError, match=re.escape(message)):
        ask(returning(answer), since=2)


def test_a_wrong_answer_of_the_other_forms_is_a_clear_error():
    class ShortMany:
        def score_many(self, pairs: list[Any]) -> list[Any]:
            return [[0.1] * 3] * 2

    class ListFromFull:
        async def score(self, question: str, steps: Sequence[Step], since: int) -> list[float]:
            return [0.5]

    with pytest.raises(ScoreError, match=r"ShortMany.score_many returned 2 lists for 1 solutions"):
        ask(ShortMany())
    with pytest.raises(ScoreError, match=r"ListFromFull.score returned a list: return Scored\(scores"):
        ask(ListFromFull())


async def coroutine_many(self: object, pairs: list[Any]) -> list[Any]:
    return []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Odd has no method `score`: write `def score(self, question, steps)`"),
        ({"score": lambda self, steps: []}, "Odd.score is (steps): it must be (question, steps), or a coroutine"),
        ({"score": lambda self, question, steps, since: []}, "Odd.score is (question, steps, since): it must be"),
        ({"score": 3}, "Odd.score is  = 3: it must be"),
        ({"score_many": lambda self: []}, "Odd.score_many is (): it must be a plain method of (pairs)"),
        ({"score_many": coroutine_many}, "Odd.score_many is a coroutine (pairs:"),
        ({"score": Plain.score, "kind": "goodness"}, "Odd.kind is 'goodness': choose from correctness, value"),
        ({"score_many": Many.score_many, "batch_size": 0}, "Odd.batch_size is 0"),
    ],
)
def test_what_cannot_be_a_scorer_says_why(body: dict[str, Any], message: str):
    with pytest.raises(ScorerError, match=re.escape(message)):
        adapt(type("Odd", (), body)())


def test_a_class_is_no_object():
    with pytest.raises(ScorerError, match=r"Plain is a class: give an object of it, Plain\(...\)"):
        adapt(Plain)
