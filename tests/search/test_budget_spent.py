"""A budget that is spent: nothing new is asked, nothing is left running, and errors win."""

import asyncio
import time
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    MCTS,
    Beam,
    BestOfN,
    Budget,
    BudgetSpent,
    Extension,
    Grower,
    ParticleFilter,
    Scored,
    Tree,
    solve,
)
from search.solve import Searcher
from tests.helpers import PARALLEL, Counted, Delayed, Loop, OneAtATime, run, settle
from tests.patience import patience
from tests.worlds import Values, Walk, leaf, world


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
@pytest.mark.parametrize("limit", [{"samples": 2}, {"generated_tokens": 9}, {"flops": 20.0}], ids=str)
def test_once_it_is_spent_no_request_begins(searcher: Searcher, limit: dict[str, Any]) -> None:
    """Many in flight: after the charge that spends the budget no policy request begins, and none is left."""

    class Watched(Counted):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            assert not budget.spent(tree.ledger), "asked although it was spent"
            return await super().extend(*request)

        async def score(self, *request: Any, **named: Any) -> Scored:
            assert budget.covers(tree.ledger), "judged although it was exceeded"
            return await super().score(*request)

    async def main() -> None:
        await solve("question", searcher, policy, scorer, budget, tree=tree)
        assert not await settle()

    budget = Budget(**limit)
    for seed in range(5):
        tree, loop = Tree("question", seed), Loop()
        policy, scorer = Watched(Delayed(Toy(), seed, 30)), Counted(Delayed(ToyScorer(), seed + 50, 30))
        loop.run(main())
        assert tree.stopped == "budget" and policy.pending == scorer.pending == 0 and not loop.complaints
        assert len(tree.born()) == len(tree.born(budget)) <= len(tree.born(Budget()))


@pytest.mark.parametrize("budget", [Budget(samples=2), Budget(generated_tokens=2), Budget(flops=5)])
def test_requests_answered_together_do_not_overspend_a_counted_budget(budget: Budget) -> None:
    """All sixteen would be answered at once; each is one token of generation and two FLOPs, and its score one more."""

    class Listening(Walk):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            asked.append(1)
            await asyncio.sleep(0.001)
            return await super().extend(*request)

    class Slow(Values):
        async def score(self, *request: Any, **named: Any) -> Scored:
            await asyncio.sleep(0.01)
            return await super().score(*request)

    asked = list[int]()
    root = world(leaf(1, 0.7))
    tree = run(BestOfN(n=16), Listening(root=root), Slow(root=root), budget)
    assert len(asked) == tree.ledger.samples == 2
    assert [(node.path, node.score) for node in tree.leaves()] == [((0,), 0.7), ((1,), 0.7)]
    assert tree.stopped == "budget"


def test_seconds_stop_a_search() -> None:
    class Sleepy(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            extension = await super().extend(*request)
            await asyncio.sleep(0.03)
            return extension

    async def main(searcher: Searcher) -> Tree:
        tree = await solve("question", searcher, Sleepy(depth=6), ToyScorer(depth=6), Budget(seconds=0.1))
        assert not await settle()
        return tree

    for searcher in (BestOfN(n=3), Beam(n=8, branch=4), MCTS(10**6), ParticleFilter(n=3)):
        loop = Loop()
        start = time.monotonic()
        tree = loop.run(main(OneAtATime(searcher)))
        assert time.monotonic() - start < patience(10) and tree.stopped == "budget" and not loop.complaints
        assert tree.ledger.seconds >= 0.1 and all(node.birth.seconds <= 0.1 for node in tree.born() if node.birth)


def test_seconds_stop_a_request_that_never_ends() -> None:
    class Endless(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            return await asyncio.Future()

    for searcher in PARALLEL.values():
        tree = run(searcher, Endless(), ToyScorer(), Budget(seconds=0.02))
        assert tree.stopped == "budget" and list(tree.nodes()) == []


def test_a_timeout_raised_by_the_policy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its attempts are used up; it is not the budget's own."""
    monkeypatch.setattr("search.attempts.WAITS", ())
    for searcher in PARALLEL.values():
        mine = TimeoutError("the server did not answer")
        with pytest.raises(TimeoutError) as caught:
            run(searcher, Counted(Toy(), fail_at=1, failure=mine), ToyScorer(), Budget(seconds=600))
        assert caught.value is mine


def test_flops_that_the_policy_does_not_count_cannot_be_limited() -> None:
    class Silent(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            extension = await super().extend(*request)
            return extension._replace(cost=extension.cost._replace(flops=None), costs=())

    for searcher in PARALLEL.values():
        with pytest.raises(ValueError, match=r"budget\.flops is set, but the policy or the scorer does not tell"):
            run(searcher, Silent(), ToyScorer(), Budget(flops=1000.0))
        assert run(searcher, Silent(), ToyScorer(), Budget(samples=1)).ledger.flops is None


def test_an_error_wins_over_the_budget() -> None:
    class Both(BestOfN):
        async def search(self, grow: Grower) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fail(BudgetSpent()))
                group.create_task(self._fail(failure))

        async def _fail(self, error: Exception) -> None:
            raise error

    failure, tree = RuntimeError("out of order"), Tree("question")
    with pytest.raises(RuntimeError) as caught:
        run(Both(), Toy(), ToyScorer(), Budget(samples=1), tree=tree)
    assert caught.value is failure and tree.stopped == "error"


def test_a_failing_score_wins_over_a_budget_that_waits_for_it() -> None:
    class Late(ToyScorer):
        async def score(self, *request: Any, **named: Any) -> Scored:
            for _ in range(20):
                await asyncio.sleep(0)
            raise failure

    failure = RuntimeError("out of order")
    with pytest.raises(RuntimeError) as caught:
        run(BestOfN(n=3), Delayed(Toy(), seed=0, most=3), Late(), Budget(samples=2))
    assert caught.value is failure


def test_the_grower_tells_a_searcher_that_the_budget_is_spent() -> None:
    async def main() -> None:
        grow = Grower(Tree("q", budget=Budget(samples=1)), Toy(), ToyScorer())
        ends = await grow.extend(grow.root, 3, None)
        assert all(end.birth is None for end in ends)

    with pytest.raises(BudgetSpent):
        asyncio.run(main())
