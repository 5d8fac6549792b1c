"""The conformance kit of searchers: each of ours passes, and each way to break a promise is caught and named."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from search import MCTS, Again, Ask, Beam, BestOfN, Grower, Kind, KindError, ParticleFilter
from search.algorithms.particle_filter import Weighting
from search.conformance import ConformanceError, check_searcher
from search.solve import Searcher
from search.tree.cost import BudgetSpent
from tests.helpers import PARALLEL, SEARCHERS

MORE: dict[str, Searcher] = {
    "one": BestOfN(n=1),
    "beam of one": Beam(n=1),
    "rounds of MCTS": Again(MCTS(simulations=4, in_flight=1), times=3, sure=1),
    "rounds of particles": Again(ParticleFilter(n=3), times=2, sure=1),
    "beam of two steps": Beam(n=6, branch=2, every=2),
    "MCTS of two steps": MCTS(simulations=24, in_flight=1, every=2),
    "particles of two steps": ParticleFilter(n=6, every=2),
    "current weights": ParticleFilter(n=5, weighting=Weighting.CURRENT),
}


@pytest.mark.parametrize("searcher", (SEARCHERS | MORE).values(), ids=SEARCHERS | MORE)
def test_searchers_keep_their_promises(searcher: Searcher) -> None:
    check_searcher(searcher)


def test_one_with_several_simulations_in_flight_promises_no_order() -> None:
    check_searcher(PARALLEL["mcts_4"], any_order=False)
    with pytest.raises(ConformanceError, match=r"MCTS breaks its promises:[\s\S]*- seed: "):
        check_searcher(PARALLEL["mcts_4"])


@dataclass(frozen=True)
class Good:
    """Whole solutions, one after the other."""

    n: int = 4
    scale = "n"

    async def search(self, grow: Grower) -> None:
        for _ in range(self.n):
            await grow.extend(grow.root, max_steps=None)


@dataclass
class NotFrozen:
    n: int = 4
    scale = "n"

    async def search(self, grow: Grower) -> None: ...


class NoDataclass:
    scale = "n"

    async def search(self, grow: Grower) -> None: ...


@dataclass(frozen=True)
class NoScale(Good):
    scale = "width"


@dataclass(frozen=True)
class NotAsync(Good):
    def search(self, grow: Grower) -> None:  # type: ignore[override]
        pass


@dataclass(frozen=True)
class Remembers(Good):
    async def search(self, grow: Grower) -> None:
        object.__setattr__(self, "n", self.n + 1)
        await super().search(grow)


@dataclass(frozen=True)
class RefusesLate(Good):
    async def search(self, grow: Grower) -> None:
        await super().search(grow)
        if grow.kind is Kind.RANKING:
            raise KindError("no rankings, please")


@dataclass(frozen=True)
class RefusesAll(Good):
    async def search(self, grow: Grower) -> None:
        raise KindError("nothing will do")


@dataclass(frozen=True)
class NeverJudges(Good):
    async def search(self, grow: Grower) -> None:
        await grow.sample(grow.root, self.n, max_steps=None)


@dataclass(frozen=True)
class Hasty(Good):
    """Goes on from whatever came first."""

    async def search(self, grow: Grower) -> None:
        tasks = [asyncio.create_task(grow.extend(grow.root)) for _ in range(self.n)]
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        (node,) = next(iter(done)).result()
        if node.open:
            await grow.extend(node, max_steps=None)
        await asyncio.gather(*late)


@dataclass(frozen=True)
class Rolls(Good):
    """Of a random number that is not its own."""

    async def search(self, grow: Grower) -> None:
        await grow.extend(grow.root, random.SystemRandom().randrange(1, 9), max_steps=None)


@dataclass(frozen=True)
class Stingy(Good):
    async def search(self, grow: Grower) -> None:
        await grow.extend(grow.root, self.n, None, Ask(max_tokens=1))


@dataclass(frozen=True)
class Stubborn(Good):
    """Asks again and again once the budget is spent."""

    async def search(self, grow: Grower) -> None:
        while sum(leaf.finished for leaf in grow.tree.leaves()) < self.n:
            await asyncio.sleep(0)
            try:
                await grow.extend(grow.root)
            except BudgetSpent:
                continue


@dataclass(frozen=True)
class LeavesTasks(Good):
    async def search(self, grow: Grower) -> None:
        await super().search(grow)
        asyncio.create_task(asyncio.sleep(1))  # noqa: RUF006 — the defect


@dataclass(frozen=True)
class GoesOn(Good):
    async def search(self, grow: Grower) -> None:
        with suppress(asyncio.CancelledError):
            await super().search(grow)


@dataclass(frozen=True)
class HidesErrors(Good):
    async def search(self, grow: Grower) -> None:
        with suppress(RuntimeError):
            await super().search(grow)


@dataclass(frozen=True)
class GoesAround(Good):
    """Asks the policy itself."""

    async def search(self, grow: Grower) -> None:
        await super().search(grow)
        policy: Any = grow._policy  # pyright: ignore[reportPrivateUsage]
        await policy.extend(grow.root, 1, 1, [5])


@dataclass(frozen=True)
class Fragile(Good):
    """Expects an answer from every request."""

    async def search(self, grow: Grower) -> None:
        scores: dict[int, float | None] = {}
        for index in range(self.n):
            try:
                (node,) = await grow.extend(grow.root, max_steps=None)
                scores[index] = node.score
            except BudgetSpent:
                pass
            _ = scores[index]


def test_a_good_one_passes() -> None:
    check_searcher(Good())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NotFrozen, "knobs: it is no frozen dataclass"),
        (NoDataclass, "knobs: it is no frozen dataclass"),
        (NoScale, r"scale: 'width' is none of its knobs \(n\)"),
        (NotAsync, "search: it has no `async def search"),
        (Remembers, "knobs: it keeps something of a search on itself"),
        (RefusesLate, "kind ranking: it is refused after 4 requests"),
        (RefusesAll, "kinds: it refuses scores of every kind"),
        (NeverJudges, "judged: kind correctness: [0-9]+ nodes are not"),
        (Hasty, "seed: kind correctness: the same seed grows another tree in another order of answers"),
        (Rolls, "seed: "),
        (Stingy, r"answer: Budget\(samples=1.*: no solution is finished"),
        (Stubborn, "Budget.*: it does not end; stopped after 1 seconds"),
        (LeavesTasks, "kind correctness: it leaves 1 tasks behind"),
        (GoesOn, "cancelled while the policy is at it: it goes on"),
        (HidesErrors, "the policy fails at request 1: its error is lost"),
        (GoesAround, "ledger: kind correctness: generated_tokens is .*, and .* were spent"),
        (Fragile, r"Budget\(samples=1.*: it raises KeyError"),
    ],
)
def test_every_broken_promise_is_caught_and_named(broken: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=f"{broken.__name__} breaks its promises:[\\s\\S]*- {message}"):
        check_searcher(broken(), seconds=1.0)


def test_a_machine_that_is_slow_is_no_defect() -> None:
    """What is said of a good one in too short a time is that, and nothing else."""
    with pytest.raises(ConformanceError) as caught:
        check_searcher(Good(n=2000), seconds=0.001)
    (line,) = str(caught.value).splitlines()[1:]
    assert line == "- kind correctness: it does not end; stopped after 0.001 seconds"
