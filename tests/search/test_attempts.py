"""Errors that pass are tried again after a while; all others fail their search at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, Budget, Extension, Node, Scored, Step, WorkerDied, solve
from search.attempts import WAITS, passes
from search.protocols import Policy, Scorer


class Busy(Exception):
    status_code = 503


class OutOfMemoryError(RuntimeError):
    """By name torch's."""


class SaysSo(Exception):
    def __init__(self, passing: bool) -> None:
        self.passing = passing


def wrapped() -> Exception:
    error = ValueError("the server said no")
    error.__cause__ = ConnectionResetError()
    return error


def died() -> Exception:
    error = WorkerDied("gone")
    error.__cause__ = ConnectionResetError()
    return error


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), ConnectionError("503"), MemoryError(), Busy(), OutOfMemoryError(), SaysSo(True), wrapped()],
    ids=repr,
)
def test_errors_that_pass(error: Exception):
    assert passes(error)


@pytest.mark.parametrize(
    "error", [ValueError("503"), KeyError("x"), OSError(28, "no space left"), SaysSo(False), died()], ids=repr
)
def test_errors_that_stay(error: Exception):
    assert not passes(error)


@dataclass(frozen=True)
class Now:
    """The toy policy and scorer; the requests of these numbers fail."""

    error: Exception
    failing: frozenset[int]
    asked: list[int] = field(default_factory=list[int])

    def meet(self) -> None:
        self.asked.append(len(self.asked))
        if self.asked[-1] in self.failing:
            raise self.error


@dataclass(frozen=True)
class Flaky(Toy):
    now: Now | None = None

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        assert self.now is not None
        self.now.meet()
        return await super().extend(node, n, max_steps, seeds)


class FlakyScorer:
    def __init__(self, now: Now) -> None:
        self.scorer, self.now, self.kind = ToyScorer(), now, ToyScorer().kind

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        self.now.meet()
        return await self.scorer.score(question, steps, since)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that would have been slept."""
    waits, sleep = list[float](), asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("search.attempts.asyncio.sleep", note)
    return waits


@pytest.mark.parametrize("who", ["policy", "scorer"])
def test_a_search_whose_requests_fail_now_and_then_is_the_undisturbed_one(who: str, slept: list[float]):
    now = Now(ConnectionError("503"), frozenset((0, 3, 4, 7)))
    policy: Policy = Flaky(now=now) if who == "policy" else Toy()
    scorer: Scorer = ToyScorer() if who == "policy" else FlakyScorer(now)
    tree = asyncio.run(solve("q", Beam(n=4), policy, scorer, seed=1))
    calm = asyncio.run(solve("q", Beam(n=4), Toy(), ToyScorer(), seed=1))
    assert tree.ledger._replace(seconds=0, at_least=False) == calm.ledger._replace(seconds=0)
    assert tree.ledger.at_least, "nobody knows what the failed requests had cost"
    assert [(n.path, n.text(), n.score) for n in tree.nodes()] == [(n.path, n.text(), n.score) for n in calm.nodes()]
    assert slept and set(slept) <= set(WAITS)


def test_the_last_attempt_raises(slept: list[float]):
    now = Now(ConnectionError("503"), frozenset(range(100)))
    with pytest.raises(ConnectionError, match="503"):
        asyncio.run(solve("q", Beam(n=1), Flaky(now=now), ToyScorer()))
    assert slept == list(WAITS) and len(now.asked) == 1 + len(WAITS)


def test_other_errors_are_tried_once(slept: list[float]):
    now = Now(KeyError("x"), frozenset(range(100)))
    with pytest.raises(KeyError):
        asyncio.run(solve("q", Beam(n=1), Flaky(now=now), ToyScorer()))
    assert not slept and len(now.asked) == 1


def test_a_limit_on_seconds_ends_the_wait():
    now = Now(ConnectionError("503"), frozenset(range(100)))
    tree = asyncio.run(solve("q", Beam(n=1), Flaky(now=now), ToyScorer(), Budget(seconds=0.05)))
    assert tree.stopped == "budget" and tree.ledger.seconds < WAITS[0]
