"""What an engine is told of the search that asks it, and what it tells: the search's end, costs that may be more."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import BestOfN, Extension, Node, Scored, Tree, solve
from search.solve import search_end, search_id


@dataclass
class Asking:
    """The toy policy, which wants to know when each search ends."""

    fails: bool = False
    at_least: bool = False
    ended: list[str | None] = field(default_factory=list[str | None])
    seen: set[str | None] = field(default_factory=set[str | None])

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Any) -> Extension:
        ends, name = search_end.get(), search_id.get()
        assert ends is not None
        if name not in self.seen:
            self.seen.add(name)
            ends.callback(self.ended.append, name)
        assert name not in self.ended
        if self.fails:
            raise ValueError("the policy fails")
        return (await Toy().extend(node, n, max_steps, seeds))._replace(at_least=self.at_least)


def test_what_an_engine_wants_done_is_done_once_at_the_end_of_each_search():
    policy = Asking()

    async def two() -> None:
        await asyncio.gather(*(solve(question, BestOfN(4), policy, ToyScorer()) for question in "ab"))

    asyncio.run(two())
    assert len(policy.ended) == 2 and set(policy.ended) == policy.seen and search_end.get() is None


def test_also_where_the_search_fails_and_where_it_is_cancelled():
    policy = Asking(fails=True)
    with pytest.raises(ValueError, match="the policy fails"):
        asyncio.run(solve("a", BestOfN(2), policy, ToyScorer()))
    assert len(policy.ended) == 1

    async def cancelled() -> None:
        task = asyncio.ensure_future(solve("a", BestOfN(500), Asking(ended=policy.ended), ToyScorer()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancelled())
    assert len(policy.ended) == 2


class Unsure(ToyScorer):
    async def score(self, question: str, steps: Any, since: int) -> Scored:
        return (await super().score(question, steps, since))._replace(at_least=True)


@pytest.mark.parametrize(
    ("policy", "scorer", "at_least"),
    [(Asking(), ToyScorer(), False), (Asking(at_least=True), ToyScorer(), True), (Asking(), Unsure(), True)],
)
def test_costs_that_may_be_more_are_said_in_the_ledger(policy: Any, scorer: Any, at_least: bool):
    assert asyncio.run(solve("a", BestOfN(2), policy, scorer)).ledger.at_least is at_least


def test_unknown_counts_stay_unknown_and_are_kept():
    class Unknown(Asking):
        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Any) -> Extension:
            extension = await super().extend(node, n, max_steps, seeds)
            costs = tuple(cost._replace(generated=None, flops=None) for cost in extension.each_cost())
            return extension._replace(cost=sum(costs[1:], costs[0]), costs=costs, question_tokens=None)

    tree = asyncio.run(solve("a", BestOfN(3), Unknown(), ToyScorer()))
    assert tree.ledger.generated_tokens is tree.ledger.unique_tokens is tree.ledger.flops is None
    assert tree.ledger.samples == 3 and tree.ledger.scorer_tokens_computed > 0
    assert Tree.loads(tree.dumps()).ledger == tree.ledger
