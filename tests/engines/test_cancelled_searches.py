"""What a search interrupts is charged to it: ledgers and `abandoned` are the engine's own counters, to the token."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from policies.engines.hf_writer import HFWriter
from policies.engines.meter import Meter, Work
from policies.hf import HF
from scorers.self_certainty import SelfCertainty
from search import MCTS, Beam, BestOfN, Budget, Cost, Grower, Ledger, ParticleFilter, Stopped, Tree, solve
from search.solve import Searcher
from search.tree.cost import NOTHING
from tests.helpers import until
from tests.models import minus, pause_at, row

QUESTION = "((5 + 2) * (3 - -4)) ="
SEARCHERS: list[Searcher] = [BestOfN(6), Beam(6, 2), MCTS(simulations=20, in_flight=2), ParticleFilter(6)]


@pytest.fixture(
    params=[pytest.param(True, marks=pytest.mark.slow, id="one by one"), pytest.param(False, id="in batches")]
)
def policy(request: pytest.FixtureRequest, random_policy: str) -> HF:
    return HF(
        random_policy, delimiter=" + ", max_tokens=60, max_step_tokens=12, deterministic=request.param, batch_size=4
    )


@contextmanager
def at_pass(model: Any, n: int, act: Callable[[], Any]) -> Iterator[None]:
    """Calls `act` before the model's n-th forward pass."""
    passes = iter(range(10**9))

    def before(*args: Any) -> None:
        if next(passes) == n:
            act()

    hook = model.register_forward_pre_hook(before)
    try:
        yield
    finally:
        hook.remove()


def assert_charged(ledgers: Sequence[Ledger], meter: Meter, before: tuple[Cost, Cost]) -> None:
    spent, abandoned = minus(meter.total, before[0]), minus(meter.abandoned, before[1])
    assert sum(ledger.generated_tokens for ledger in ledgers) + abandoned.generated == spent.generated > 0
    assert sum(ledger.prompt_tokens_computed for ledger in ledgers) + abandoned.computed == spent.computed
    assert sum(ledger.flops or 0 for ledger in ledgers) + (abandoned.flops or 0) == pytest.approx(spent.flops)


@pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)
def test_a_search_that_the_clock_stops_is_charged_to_the_token(policy: HF, searcher: Searcher):
    meter = policy.engine.meter
    before = meter.total, meter.abandoned
    with at_pass(policy.engine.model, 7, lambda: time.sleep(0.4)):  # the clock stops it within this pass, or earlier
        tree = asyncio.run(solve(QUESTION, searcher, policy, SelfCertainty(), Budget(seconds=0.3)))
    assert tree.stopped == "budget" and not tree.ledger.at_least
    assert_charged([tree.ledger], meter, before)
    assert meter.abandoned == before[1]


def test_an_early_stop_on_purpose_is_charged_for_the_rest(policy: HF):
    """The first of twelve has ended; the others are cancelled, in the batch and in the queue."""

    class Enough(BestOfN):
        async def search(self, grow: Grower) -> None:
            tasks = [asyncio.create_task(grow.extend(grow.root, max_steps=1)) for _ in range(12)]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    meter = policy.engine.meter
    before = meter.total, meter.abandoned
    tree = asyncio.run(solve(QUESTION, Enough(), policy, SelfCertainty()))
    assert tree.stopped == "done" and not tree.ledger.at_least and tree.ledger.policy_calls >= 12
    assert_charged([tree.ledger], meter, before)
    assert meter.abandoned == before[1]


def test_searches_that_are_cancelled_beside_others_share_their_batches_costs(policy: HF):
    trees = [Tree(f"({i} + 3) =") for i in range(4)]

    async def main() -> None:
        tasks = [
            asyncio.create_task(solve(tree.question, searcher, policy, SelfCertainty(), tree=tree))
            for tree, searcher in zip(trees, SEARCHERS, strict=True)
        ]
        with pause_at(policy.engine.model, 9, asyncio.gather(*tasks[:2])):
            await asyncio.wait(tasks)

    meter = policy.engine.meter
    before = meter.total, meter.abandoned
    asyncio.run(main())
    assert [tree.stopped for tree in trees] == ["cancelled", "cancelled", "done", "done"]
    assert not any(tree.ledger.at_least for tree in trees)
    assert_charged([tree.ledger for tree in trees], meter, before)
    assert meter.abandoned == before[1]


def test_who_cannot_wait_leaves_a_lower_bound_and_the_rest_is_abandoned(policy: HF):
    """Cancelled once more while the pass goes on in which its row will stop."""
    tree, meter = Tree(QUESTION), policy.engine.meter

    async def main() -> None:
        loop, held = asyncio.get_running_loop(), asyncio.Event()
        with at_pass(policy.engine.model, 5, lambda: (loop.call_soon_threadsafe(held.set), time.sleep(0.5))):
            task = asyncio.create_task(Grower(tree, policy, SelfCertainty()).extend(tree.root, max_steps=None))
            await held.wait()
            for _ in range(2):
                task.cancel()
                for _ in range(30):
                    await asyncio.sleep(0)
            assert task.cancelled(), "it waits for nothing"
            await until(lambda: meter.total != before[0])

    before = meter.total, meter.abandoned
    asyncio.run(main())
    assert tree.ledger.at_least and tree.ledger.generated_tokens == 0
    assert_charged([tree.ledger], meter, before)
    assert minus(meter.abandoned, before[1]).generated == 6


def test_rows_that_ended_before_their_batch_failed_are_not_written_again(random_policy: str):
    engine = HF(random_policy, batch_size=8).engine
    assert isinstance(engine, HFWriter)
    rows = [row([5, 6, 7], seed, max_tokens) for seed, max_tokens in enumerate((2, 6))]
    before = engine.meter.total, engine.meter.abandoned

    def fail() -> None:
        raise RuntimeError("out of memory")

    with at_pass(engine.model, 4, fail):
        asyncio.run(engine.write(rows))
    costs = [one.cost or NOTHING for one in rows]
    assert [cost.generated for cost in costs] == [2, 6]
    assert minus(engine.meter.abandoned, before[1]).generated == 4
    assert minus(engine.meter.total, before[0]).generated == 4 + 2 + 6


# the meter alone


def test_what_has_not_begun_never_begins_and_costs_nothing():
    meter, work = Meter(), Work()
    asyncio.run(meter.stop([work]))
    assert not meter.begins(work)
    stopped = meter.reclaim([work])
    assert (
        isinstance(stopped, asyncio.CancelledError) and stopped.cost == Cost(calls=1, flops=0) and not stopped.at_least
    )


def test_the_cost_of_stopped_work_is_abandoned_until_it_is_reclaimed():
    meter, works = Meter(), [Work() for _ in range(3)]

    async def main() -> Stopped:
        assert all(meter.begins(work) for work in works[:2])
        meter.done(works[0], Cost(generated=3, calls=0, flops=7.0))
        stopping = asyncio.create_task(meter.stop(works))
        await asyncio.sleep(0)
        assert not stopping.done() and meter.abandoned.generated == 3
        meter.done(works[1], Cost(generated=4, calls=0, flops=8.0))
        await stopping
        assert meter.abandoned == meter.total == Cost(generated=7, calls=0, flops=15.0)
        return meter.reclaim(works)

    stopped = asyncio.run(main())
    assert stopped.cost == Cost(generated=7, calls=1, flops=15.0) and not stopped.at_least
    assert meter.abandoned == NOTHING and meter.reclaim(works).cost.generated == 0, "once"


def test_work_that_fails_while_somebody_waits_for_its_end_is_lost_to_the_failure():
    meter, work = Meter(), Work()

    async def main() -> Stopped:
        assert meter.begins(work)
        stopping = asyncio.create_task(meter.stop([work]))
        await asyncio.sleep(0)
        meter.fail(work, Cost(generated=5, calls=0, flops=0))
        await stopping
        return meter.reclaim([work])

    stopped = asyncio.run(main())
    assert stopped.cost.generated == 0 and not stopped.at_least
    assert meter.abandoned == meter.total == Cost(generated=5, calls=0, flops=0)


def test_work_whose_engine_cannot_tell_leaves_a_lower_bound():
    meter, works = Meter(), [Work(), Work(at_least=True)]
    for work in works:
        assert meter.begins(work)
        meter.done(work, Cost(generated=2, calls=0, flops=0))
    asyncio.run(meter.stop(works))
    assert meter.reclaim(works).at_least and meter.abandoned == NOTHING
