"""Budgets: a cut is the full run read at the budget; nothing is asked once it is spent; errors win."""

import asyncio
import time
from typing import Any

import pytest

from policies.engines.world import Place
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
    KnobError,
    Ledger,
    ParticleFilter,
    Rule,
    Scored,
    Selection,
    Tree,
    solve,
)
from search.algorithms.mcts import Value
from search.solve import Searcher
from tests.helpers import (
    PARALLEL,
    UNEVEN,
    Counted,
    Delayed,
    Loop,
    OneAtATime,
    Values,
    Walk,
    chain,
    leaf,
    run,
    settle,
    timeless,
    world,
)

SERIAL: dict[str, Searcher] = {
    "best_of_n": OneAtATime(BestOfN(n=6)),
    "beam": OneAtATime(Beam(n=8, branch=2)),
    "mcts": OneAtATime(MCTS(simulations=24, branch=3, in_flight=1)),
    "rollouts": OneAtATime(MCTS(simulations=12, branch=3, in_flight=1, value=Value.ROLLOUT)),
    "particle_filter": OneAtATime(ParticleFilter(n=6, threshold=1.0)),
}


def read(tree: Tree, budget: Budget | None) -> dict[str, Any]:
    """All that stands in the tree at a budget but seconds, and what the algorithm keeps for itself."""
    rules = [Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED]
    rules += [Rule.PARTICLE] if tree.events("population", budget) else []
    names = ("population", "resampling", "beam")
    return {
        "nodes": {node.path: (node.step, node.score, timeless(node.birth)) for node in tree.born(budget)},
        "record": [
            (event.name, event.data, timeless(event.birth)) for name in names for event in tree.events(name, budget)
        ],
        "answers": [Selection(rule)(tree, budget).answer for rule in rules],
    }


@pytest.mark.parametrize("limit", ["samples", "generated_tokens", "flops"])
@pytest.mark.parametrize("name", SERIAL)
@pytest.mark.parametrize("place", [UNEVEN, Toy().world], ids=["uneven", "toy"])
def test_a_cut_is_the_full_run_read_at_the_budget(place: Place, name: str, limit: str) -> None:
    """At the amounts that the full run passes through, and between them."""
    policy, scorer = Walk(root=place), Values(root=place)
    full = run(SERIAL[name], policy, scorer)
    amounts = {getattr(node.birth, limit) for node in full.nodes()} | {1, 2, 3, 5, 8, 13}
    amounts |= {amount + 0.5 for amount in amounts} if limit == "flops" else set()
    sizes = set()
    for amount in sorted(amounts - {0})[:: 3 if len(amounts) > 20 else 1]:
        budget = Budget(**{limit: amount})
        cut = run(SERIAL[name], policy, scorer, budget)
        assert read(cut, None) == read(full, budget), amount
        if cut.stopped == "done":  # the last score may exceed it
            assert cut.ledger.policy_calls == full.ledger.policy_calls
        elif limit != "flops":
            assert getattr(cut.ledger, limit) >= amount
        sizes.add(len(cut.born()))
    assert len(sizes) > 1, "the cuts were all alike"


def test_a_population_that_came_after_the_last_sample_is_not_read() -> None:
    """Samples stand still while a filter goes on and resamples: a cut has stopped by then."""
    search = OneAtATime(ParticleFilter(n=6, threshold=1.0))
    root = world(leaf(1, 0.6, 0.3), leaf(2, 0.7, 0.3), chain("a", 3, leaf(3, 0.8), 0.4))
    full, counts = run(search, Walk(root=root), Values(root=root)), list[int]()
    assert [event.birth.samples for event in full.events("population")] == [3, 3, 3, 8]
    for amount in range(1, 9):
        cut = run(search, Walk(root=root), Values(root=root), Budget(samples=amount))
        assert read(cut, None) == read(full, Budget(samples=amount))
        counts.append(len(cut.events("population")))
    assert counts == [0, 0, 1, 3, 3, 3, 3, 4]


def test_a_budget_that_is_never_reached_changes_nothing() -> None:
    for searcher in SERIAL.values():
        free, rich = (
            run(searcher, Toy(), ToyScorer()),
            run(searcher, Toy(), ToyScorer(), Budget(10**6, 10**6, 1e9, 600)),
        )
        assert read(free, None) == read(rich, None) and rich.stopped == "done"


def test_it_is_spent_at_the_limit_and_covers_it() -> None:
    budget = Budget(samples=2, generated_tokens=10, flops=100.0, seconds=5.0)
    at, below = Ledger(samples=2, generated_tokens=9), Ledger(samples=1, generated_tokens=9, flops=99.9, seconds=4.9)
    assert budget.spent(at) and budget.covers(at)
    assert not budget.spent(below) and budget.covers(below)
    for over in (Ledger(samples=3), Ledger(generated_tokens=11), Ledger(flops=100.1), Ledger(seconds=5.1)):
        assert budget.spent(over) and not budget.covers(over)
    assert not Budget().spent(at) and Budget().covers(at)


def test_limits_are_positive() -> None:
    for limit in ("samples", "generated_tokens", "flops", "seconds"):
        with pytest.raises(KnobError, match=rf"Budget\.{limit} is 0; it must be > 0"):
            Budget(**{limit: 0})


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
@pytest.mark.parametrize("limit", [{"samples": 2}, {"generated_tokens": 9}, {"flops": 20.0}], ids=str)
def test_once_spent_nothing_new_is_asked(searcher: Searcher, limit: dict[str, Any]) -> None:
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
        assert time.monotonic() - start < 20 and tree.stopped == "budget" and not loop.complaints
        assert tree.ledger.seconds >= 0.1 and all(node.birth.seconds <= 0.1 for node in tree.born() if node.birth)


def test_seconds_stop_a_request_that_never_ends() -> None:
    class Endless(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            return await asyncio.Future()

    for searcher in PARALLEL.values():
        tree = run(searcher, Endless(), ToyScorer(), Budget(seconds=0.02))
        assert tree.stopped == "budget" and list(tree.nodes()) == []


def test_a_time_out_of_the_policys_own_is_an_error() -> None:
    for searcher in PARALLEL.values():
        mine = TimeoutError("the server did not answer")
        with pytest.raises(TimeoutError) as caught:
            run(searcher, Counted(Toy(), fail_at=1, failure=mine), ToyScorer(), Budget(seconds=600))
        assert caught.value is mine


def test_flops_that_are_not_told_cannot_be_limited() -> None:
    class Silent(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            extension = await super().extend(*request)
            return extension._replace(cost=extension.cost._replace(flops=None))

    for searcher in PARALLEL.values():
        with pytest.raises(ValueError, match=r"budget\.flops is set, but the policy or the scorer does not tell"):
            run(searcher, Silent(), ToyScorer(), Budget(flops=1000.0))
        assert run(searcher, Silent(), ToyScorer(), Budget(samples=1)).ledger.flops is None


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
def test_under_a_counted_budget_a_cut_is_the_larger_run_read_at_it(searcher: Searcher) -> None:
    """Without a wrapper, for requests then take turns by themselves."""

    def grown(budget: Budget) -> Tree:
        return run(searcher, Delayed(Toy(), seed=1), Delayed(ToyScorer(), seed=2), budget)

    full = grown(Budget(generated_tokens=10**6))
    assert full.stopped == "done"
    for amount in range(1, full.ledger.generated_tokens, 3):
        assert read(grown(Budget(generated_tokens=amount)), None) == read(full, Budget(generated_tokens=amount))


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
