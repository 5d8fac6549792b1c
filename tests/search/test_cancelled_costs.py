"""What a search interrupts is charged to it, or its ledger says that it is a lower bound."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import BestOfN, Budget, Cost, Extension, Grower, Ledger, Node, Scored, Stopped, Tree, solve
from search.solve import Searcher
from search.tree.cost import NOTHING
from tests.helpers import PARALLEL, run, settle
from tests.worlds import By


@dataclass
class Writing:
    """The toy policy, a millisecond a token: a request that is cancelled tells what it had written, if it `tells`."""

    tells: bool = True
    inner: Toy = field(default_factory=Toy)
    costs: list[Cost] = field(default_factory=list[Cost])
    cancelled: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """some token has been written"""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        extension = await self.inner.extend(node, n, max_steps, seeds)
        written = Cost(computed=1, flops=1.0)
        try:
            for _ in range(extension.cost.generated):
                await asyncio.sleep(0.001)
                written += Cost(generated=1, calls=0, flops=1.0)
                self.begun.set()
        except asyncio.CancelledError:
            self.cancelled += 1
            if not self.tells:
                raise
            self.costs.append(written)
            raise Stopped(written) from None
        self.costs.append(extension.cost)
        return extension


@dataclass
class Reading:
    """The toy scorer, five milliseconds a request; a cancelled one has read one token."""

    inner: ToyScorer = field(default_factory=ToyScorer)
    costs: list[Cost] = field(default_factory=list[Cost])
    kind = ToyScorer.kind

    async def score(self, question: str, steps: Sequence[Any], since: int) -> Scored:
        try:
            await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.costs.append(Cost(computed=1, flops=1.0))
            raise Stopped(self.costs[-1]) from None
        scored = await self.inner.score(question, steps, since)
        self.costs.append(scored.cost)
        return scored


def assert_sum(ledger: Ledger, written: Sequence[Cost], read: Sequence[Cost]) -> None:
    policy, scorer = sum(written, NOTHING), sum(read, NOTHING)
    assert (ledger.generated_tokens, ledger.prompt_tokens_computed) == (policy.generated, policy.computed)
    assert (ledger.policy_calls, ledger.scorer_calls) == (policy.calls, scorer.calls)
    assert ledger.scorer_tokens_computed == scorer.computed
    assert ledger.flops == (policy.flops or 0) + (scorer.flops or 0)


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
def test_a_search_that_the_clock_stops_is_charged_for_what_was_in_flight(searcher: Searcher) -> None:
    """The clock stops some of them while the policy writes, and some while the scorer reads."""
    cancelled = 0
    for seconds in (0.0015, 0.003, 0.007, 0.012):
        policy, scorer = Writing(), Reading()
        tree = run(searcher, policy, scorer, Budget(seconds=seconds))
        cancelled += policy.cancelled
        assert tree.stopped == "budget" and not tree.ledger.at_least
        assert_sum(tree.ledger, policy.costs, scorer.costs)
    assert cancelled


def test_a_search_that_its_caller_cancels_is_charged_too() -> None:
    async def main() -> None:
        running = asyncio.create_task(solve("question", BestOfN(n=5), policy, scorer, tree=tree))
        await policy.begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not await settle()

    policy, scorer, tree = Writing(), Reading(), Tree("question")
    asyncio.run(main())
    assert tree.stopped == "cancelled" and policy.cancelled == 5 and tree.ledger.generated_tokens > 0
    assert_sum(tree.ledger, policy.costs, scorer.costs)


@pytest.mark.parametrize("tells", [True, False])
def test_an_early_stop_on_purpose_is_charged_for_the_rest(tells: bool) -> None:
    """D6: four of 32 are finished, 28 in flight. A policy that cannot tell leaves a ledger that says at least."""

    class Enough(BestOfN):
        async def search(self, grow: Grower) -> None:
            tasks = [asyncio.create_task(grow.extend(grow.root, max_steps=None)) for _ in range(4)]
            late = [asyncio.create_task(grow.sample(grow.root, 8, max_steps=None)) for _ in range(28)]
            await asyncio.gather(*tasks)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    policy = Writing(tells)
    tree = run(Enough(), policy, By(lambda steps: 0.5))
    assert policy.cancelled == 28 and tree.stopped == "done" and tree.ledger.at_least == (not tells)
    written = sum(policy.costs, NOTHING).generated
    assert tree.ledger.generated_tokens == written and (written > 28 if tells else written == 4 * 4)
    assert tree.ledger.to_json().get("at_least", False) == (not tells)
    assert Tree.loads(tree.dumps()).ledger == tree.ledger


def test_births_after_a_cancelled_request_say_at_least() -> None:
    async def main() -> None:
        tree = Tree("q")
        grow = Grower(tree, Writing(tells=False), ToyScorer())
        before, after = await grow.extend(grow.root), asyncio.create_task(grow.extend(grow.root, max_steps=None))
        await asyncio.sleep(0)
        after.cancel()
        await asyncio.wait([after])
        (later,) = await grow.extend(grow.root)
        assert before[0].birth and not before[0].birth.at_least and later.birth and later.birth.at_least

    asyncio.run(main())
