"""The ledger against an independent count."""

import asyncio
from operator import attrgetter
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Beam, BestOfN, Cost, Extension, Grower, Ledger, Scored, Step, Tree, solve
from search.solve import Searcher
from search.tree.cost import NOTHING
from tests.helpers import PARALLEL, Counted, Delayed, ascending, run
from tests.worlds import By, Short, Walk, chain, leaf, world


@pytest.mark.parametrize("name", PARALLEL)
def test_the_ledger_is_the_sum_of_the_costs_of_all_requests(name: str) -> None:
    policy, scorer = Counted(Delayed(Toy(), seed=1)), Counted(Delayed(ToyScorer(), seed=2))
    tree = run(PARALLEL[name], policy, scorer)
    nodes = list(tree.nodes())
    assert tree.ledger._replace(seconds=0.0) == Ledger(
        samples=len(tree.leaves()),
        generated_tokens=sum(cost.generated for cost in policy.costs),
        unique_tokens=1 + sum(len(node.step.token_ids) for node in nodes if node.step),
        prompt_tokens_computed=sum(cost.computed for cost in policy.costs),
        scorer_tokens_computed=sum(cost.computed for cost in scorer.costs),
        policy_calls=len(policy.costs),
        scorer_calls=len(scorer.costs),
        flops=sum(cost.flops or 0.0 for cost in policy.costs + scorer.costs),
        scorer_flops=sum(cost.flops or 0.0 for cost in scorer.costs),
    )
    assert tree.ledger.seconds > 0 and tree.ledger.generated_tokens >= tree.ledger.unique_tokens - 1


@pytest.mark.parametrize("name", PARALLEL)
def test_no_prefix_is_scored_twice(name: str) -> None:
    policy, scorer = Toy(2, 4), Counted(Delayed(ToyScorer(2, 4), seed=3))
    tree = run(PARALLEL[name], policy, scorer)
    assert len(scorer.prefixes) == len(set(scorer.prefixes))
    judged = [node for node in tree.nodes() if name != "deepconf" or node.score is not None]  # which cuts solutions
    distinct = {tuple(step.text for step in node.steps()) for node in judged}
    assert set(scorer.prefixes) == distinct
    if name in ("best_of_n", "beam", "particle_filter"):
        assert len(distinct) < sum(1 for _ in tree.nodes()), "no two were equal: choose a smaller world"


def test_equal_texts_of_other_tokens_are_judged_each() -> None:
    """A scorer may read tokens or log-probabilities, and must not depend on whose request came first."""

    class Spellings(Toy):
        async def extend(self, node: Any, n: int, max_steps: int | None, seeds: Any) -> Extension:
            steps = [(Step("same\n\n", (i % 2, 0), (-float(i % 2), -0.5)),) for i in range(n)]
            return Extension(tuple(steps), Cost())

    async def main() -> Tree:
        tree = Tree("q")
        grow = Grower(tree, Spellings(), scorer)
        await grow.extend(grow.root, 4)
        return tree

    scorer = Counted(By(lambda steps: 1 + steps[-1].logprobs[0] / 2))
    assert [node.score for node in asyncio.run(main()).nodes()] == [1.0, 0.5, 1.0, 0.5]
    assert scorer.asked == 2


def test_identical_siblings_that_merge_are_charged_each_and_kept_once() -> None:
    policy = Counted(Walk(root=world(chain("a", 3, leaf(1)))))
    tree = run(MCTS(3, in_flight=1), policy, By(lambda steps: 0.5))
    assert [node.stats["count"] for node in tree.nodes()] == [2, 2, 2, 2]
    assert tree.ledger.generated_tokens == 2 * 4 and tree.ledger.unique_tokens == 1 + 3 + 1
    assert tree.ledger.samples == 1


def test_truncated_leaves_are_samples() -> None:
    policy = Short(root=world(chain("a", 9, leaf(1))), limit=4)
    assert run(BestOfN(n=3), policy, By(lambda steps: 0.5)).ledger.samples == 3
    # Both of the last level, and the open twin above them that is completed for the lack of a finished leaf.
    assert run(Beam(n=2, branch=2), policy, By(lambda steps: 0.5)).ledger.samples == 2 + 1


def test_births_grow_with_the_ledger_and_stand_in_order() -> None:
    for name, searcher in PARALLEL.items():
        tree = run(searcher, Delayed(Toy(), seed=4), Delayed(ToyScorer(), seed=5))
        for node in tree.nodes():
            assert node.birth is not None and node.parent is not None, name
            if node.parent.birth is not None:
                assert node.birth.generated_tokens >= node.parent.birth.generated_tokens
        # The policy's part is that of the moment in which the node was charged, the scorer's that of its judgement.
        for order, columns in {
            "generated_tokens": ("samples", "generated_tokens", "unique_tokens", "policy_calls"),
            "seconds": ("scorer_tokens_computed", "scorer_calls", "scorer_flops"),
        }.items():
            births = sorted((node.birth for node in tree.nodes() if node.birth), key=attrgetter(order))
            for column in columns:
                assert ascending([getattr(birth, column) for birth in births]), (name, column)
                assert getattr(births[-1], column) <= getattr(tree.ledger, column)
        assert tree.born() == list(tree.nodes())


def test_a_birth_includes_the_node_itself() -> None:
    tree = run(BestOfN(n=1), Toy(), ToyScorer())
    (end,) = tree.leaves()
    assert tree.ledger._replace(seconds=0) == (end.birth or Ledger())._replace(seconds=0)
    assert (tree.ledger.samples, tree.ledger.scorer_calls) == (1, 1)


def test_unknown_flops_stay_unknown() -> None:
    class Silent(ToyScorer):
        async def score(self, *request: Any, **named: Any) -> Scored:
            scored = await super().score(*request)
            self_calls.append(1)
            return scored._replace(cost=scored.cost._replace(flops=None if len(self_calls) == 2 else 1.0))

    self_calls: list[int] = []
    tree = run(BestOfN(n=5), Toy(), Silent())
    assert tree.ledger.flops is None and tree.ledger.scorer_calls > 2
    assert {node.birth.flops is None for node in tree.leaves() if node.birth} == {True, False}


def test_a_ledger_adds_up() -> None:
    cost = Cost(generated=3, computed=5, cached=7, calls=2, flops=11.0)
    assert Ledger().with_policy(cost, samples=1, unique_tokens=4) == Ledger(
        samples=1,
        generated_tokens=3,
        unique_tokens=4,
        prompt_tokens_computed=5,
        prompt_tokens_cached=7,
        policy_calls=2,
        flops=11.0,
    )
    twice = Ledger().with_scorer(cost).with_scorer(cost)
    assert twice == Ledger(
        scorer_tokens_computed=16, scorer_tokens_cached=14, scorer_calls=4, flops=22.0, scorer_flops=22.0
    )
    assert Ledger(**twice.to_json()) == twice
    unknown = Ledger().with_scorer(cost._replace(flops=None)).with_policy(cost, 0, 0)
    assert unknown.flops is None


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
def test_searches_that_share_policy_and_scorer_keep_their_own_ledgers(searcher: Searcher) -> None:
    async def main() -> list[Tree]:
        policy, scorer = Delayed(Toy(), seed=1), Delayed(ToyScorer(), seed=2)
        return await asyncio.gather(*(solve("question", searcher, policy, scorer, seed=seed) for seed in range(4)))

    for seed, tree in enumerate(asyncio.run(main())):
        alone = run(searcher, Delayed(Toy(), seed=0, most=1), ToyScorer(), seed=seed)
        if searcher is not PARALLEL["mcts_4"]:
            assert tree.ledger._replace(seconds=0.0) == alone.ledger._replace(seconds=0.0)


def test_costs_add_up_and_unknown_flops_stay_unknown() -> None:
    one, two = Cost(1, 2, 3, 1, 10.0), Cost(10, 20, 30, 2, 0.5)
    assert one + two == Cost(11, 22, 33, 3, 10.5) == sum([one, two], NOTHING)
    assert (one + Cost(flops=None)).flops is None and (Cost(flops=None) + one).flops is None
    assert NOTHING + one == one
