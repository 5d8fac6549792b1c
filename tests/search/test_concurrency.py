"""Answers in any order give the same tree; a failure is raised unchanged; nothing is left running."""

import asyncio
import threading
import traceback
from collections.abc import Sequence
from typing import Any

import pytest

from policies.engines.batching import Batcher, Ticket
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, BestOfN, Extension, Grower, PolicyError, Scored, Selection, Tree, solve
from search.solve import Searcher
from tests.helpers import PARALLEL, SEARCHERS, Counted, Delayed, Loop, now, run, settle, shape, until


class Queued:
    """A policy behind a queue."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.batches: list[int] = []
        self.hold = threading.Event()  # the first batch waits for it
        self.batcher: Batcher[Any, Any] = Batcher(self._run, size=8)

    def _run(self, tickets: Sequence[Ticket[Any]]) -> list[Extension]:
        self.batches.append(len(tickets))
        if len(self.batches) == 1:
            self.hold.wait(10)
        return [now(self.inner.extend(*ticket.item)) for ticket in tickets]

    async def extend(self, *request: Any, **named: Any) -> Extension:
        return await self.batcher(request)


@pytest.mark.parametrize("searcher", SEARCHERS.values(), ids=SEARCHERS)
def test_the_order_of_answers_does_not_matter(searcher: Searcher) -> None:
    at_once = run(searcher, Delayed(Toy(), seed=0, most=1), ToyScorer())
    for seed in range(10):
        late = run(searcher, Delayed(Toy(), seed, 20), Delayed(ToyScorer(), seed + 100, 20))
        assert shape(late) == shape(at_once)
        assert Selection()(late).answer == Selection()(at_once).answer
    queued = Queued(Toy())
    queued.hold.set()
    assert shape(run(searcher, queued, ToyScorer())) == shape(at_once)


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
@pytest.mark.parametrize("who", ["policy", "scorer"])
@pytest.mark.parametrize("fail_at", [1, 5])
def test_a_failure_is_raised_itself_and_nothing_keeps_running(searcher: Searcher, who: str, fail_at: int) -> None:
    async def main() -> None:
        with pytest.raises(LookupError) as caught:
            await solve("question", searcher, policy, scorer, tree=tree)
        assert caught.value is failure and not await settle()

    for seed in range(3):
        failure, tree, loop = LookupError("out of order"), Tree("question", seed), Loop()
        failure.__cause__ = cause = ValueError("why")
        policy = Counted(Delayed(Toy(), seed), fail_at if who == "policy" else None, failure)
        scorer = Counted(Delayed(ToyScorer(), seed + 9), fail_at if who == "scorer" else None, failure)
        loop.run(main())
        assert policy.pending == scorer.pending == 0 and not loop.complaints
        assert tree.stopped == "error" and tree.ledger.seconds > 0
        assert failure.__cause__ is cause and not isinstance(failure.__context__, BaseExceptionGroup)
        assert "fail" in "".join(traceback.format_exception(failure)) and Tree.loads(tree.dumps()).stopped == "error"


@pytest.mark.parametrize("searcher", SEARCHERS.values(), ids=SEARCHERS)
def test_a_cancelled_search_disturbs_no_other_that_shares_the_queue(searcher: Searcher) -> None:
    async def main() -> list[Tree]:
        policy = Queued(Toy())
        begun = [asyncio.create_task(solve("question", searcher, policy, ToyScorer(), seed=seed)) for seed in range(6)]
        await until(lambda: policy.batches)
        for search in begun[::2]:
            search.cancel()
        policy.hold.set()
        ended = await asyncio.gather(*begun, return_exceptions=True)
        assert all(isinstance(search, asyncio.CancelledError) for search in ended[::2])
        return [tree for tree in ended if isinstance(tree, Tree)]

    loop = Loop()
    for seed, tree in zip((1, 3, 5), loop.run(main()), strict=True):
        assert shape(tree) == shape(run(searcher, Delayed(Toy(), 0, most=1), ToyScorer(), seed=seed))
    assert not loop.complaints


class Gate(ToyScorer):
    """Lets requests wait until it is opened; counts them."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "open", asyncio.Event())
        object.__setattr__(self, "asked", [])

    async def score(self, *request: Any, **named: Any) -> Scored:
        self.asked.append(1)  # type: ignore[attr-defined]
        await self.open.wait()  # type: ignore[attr-defined]
        return await super().score(*request)


async def twins(grow: Grower) -> list[Any]:
    """Two nodes of equal text, not yet judged."""
    while True:
        nodes = await grow.sample(grow.root, 2)
        if nodes[0].text() == nodes[1].text():
            return nodes


@pytest.mark.parametrize("cancelled", [0, 1])
def test_either_of_two_requests_that_share_a_score_may_be_cancelled(cancelled: int) -> None:
    """The one that sent the request, and the one that only waits for it."""

    async def main() -> None:
        scorer = Gate()
        grow = Grower(Tree("q"), Toy(), scorer)
        nodes = await twins(grow)
        waiting = [asyncio.create_task(grow.score(node)) for node in nodes]
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(scorer.asked) == 1  # type: ignore[attr-defined]
        waiting[cancelled].cancel()
        await asyncio.wait([waiting[cancelled]])
        scorer.open.set()  # type: ignore[attr-defined]
        await asyncio.wait_for(waiting[1 - cancelled], 10)
        left, kept = nodes[cancelled], nodes[1 - cancelled]
        assert waiting[cancelled].cancelled() and left.score is None and left.birth is None
        assert kept.score is not None and kept.birth is not None
        assert len(scorer.asked) == (2 if cancelled == 0 else 1)  # type: ignore[attr-defined]
        await grow.score(left)
        assert left.score == kept.score and grow.tree.ledger.scorer_calls == 1
        assert not await settle()

    loop = Loop()
    loop.run(main())
    assert not loop.complaints


def test_a_score_that_failed_is_asked_for_again() -> None:
    async def main() -> None:
        scorer = Counted(ToyScorer(), fail_at=1)
        grow = Grower(Tree("q"), Toy(), scorer)
        (node,) = await grow.sample(grow.root)
        with pytest.raises(RuntimeError, match="out of order"):
            await grow.score(node)
        assert node.score is None
        await grow.score(node)
        assert node.score is not None and scorer.asked == 2

    loop = Loop()
    loop.run(main())
    assert not loop.complaints


def test_siblings_below_an_unscored_step_request_its_score_once() -> None:
    async def main() -> None:
        scorer = Counted(Delayed(ToyScorer(), seed=0))
        grow = Grower(Tree("q"), Toy(enumerates=True), scorer)
        (above,) = await grow.sample(grow.root)
        below = await grow.sample(above, 3)
        await grow.score(*below)
        assert sorted(map(len, scorer.prefixes)) == [1, 2, 2, 2]
        assert above.score is not None and above.birth is not None and all(node.birth for node in below)

    asyncio.run(main())


@pytest.mark.parametrize("who", ["policy", "scorer"])
def test_a_request_that_cancels_itself_is_an_error(who: str) -> None:
    """A TaskGroup alone would drop it silently, and the tree would lack a node."""

    class Tangled(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            raise asyncio.CancelledError

    class TangledScorer(ToyScorer):
        async def score(self, *request: Any, **named: Any) -> Scored:
            raise asyncio.CancelledError

    for searcher in PARALLEL.values():
        with pytest.raises(RuntimeError, match=f"the {who} cancelled a request by itself"):
            run(searcher, Tangled() if who == "policy" else Toy(), TangledScorer() if who == "scorer" else ToyScorer())


def test_a_policy_that_returns_too_little_is_an_error() -> None:
    class Lazy(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            extension = await super().extend(*request)
            return extension._replace(continuations=extension.continuations[1:] or ((),), costs=())

    with pytest.raises(PolicyError, match="returned 3 continuations at depth 0, asked for n = 4 with max_steps = 1"):
        run(Beam(n=4), Lazy(), ToyScorer())
    with pytest.raises(PolicyError, match=r"continuation 1 of the policy, at depth 0, .*, has no step"):
        run(BestOfN(n=1), Lazy(), ToyScorer())
