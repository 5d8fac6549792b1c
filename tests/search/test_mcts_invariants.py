"""MCTS: invariants of every tree with any number of simulations in flight, requests out, votes, ends, determinism."""

import asyncio
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

import search.algorithms.mcts
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, BestOfN, Budget, Kind, Rule, Selection, Tree, solve
from tests.helpers import Counted, Delayed, run, shape
from tests.patience import patience
from tests.worlds import By, Walk, chain, leaf, world

FLAT = By(lambda steps: 0.5)


def additive(steps: Any) -> float:
    return (sum(step.token_ids[0] for step in steps) % 5) - 2.0


SCORERS = {
    Kind.VALUE: ToyScorer(3, 5),
    Kind.ADDITIVE: By(additive, Kind.ADDITIVE),
    Kind.RANKING: By(additive, Kind.RANKING),
    Kind.OUTCOME: By(additive, Kind.OUTCOME),
}


@pytest.mark.parametrize("kind", SCORERS)
@pytest.mark.parametrize("in_flight", [1, 4, 16])
def test_invariants(in_flight: int, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[search.algorithms.mcts._Run] = []

    class Seen(search.algorithms.mcts._Run):
        def __init__(self, *knobs: object) -> None:
            super().__init__(*knobs)  # type: ignore[arg-type]
            runs.append(self)

    monkeypatch.setattr(search.algorithms.mcts, "_Run", Seen)
    for seed in range(6):
        simulations = (5, 40, 400)[seed % 3]
        policy = Counted(Delayed(Toy(3, 5), seed=seed))
        scorer = Counted(Delayed(SCORERS[kind], seed=seed + 100))
        tree = run(MCTS(simulations, in_flight=in_flight), policy, scorer, seed=seed)
        assert not any(runs[-1].in_flight.values()) and policy.pending == scorer.pending == 0
        assert runs[-1].started == tree.root.stats["visits"] == simulations
        drawn = Counter(path for path, _, _ in policy.nodes)
        for node in [tree.root, *tree.nodes()]:
            children = list(node.children.values())
            assert node.stats["visits"] >= 1
            if node.open:
                assert node.stats["drawn"] == drawn[node.path] == sum(child.stats["count"] for child in children)
                assert node.stats["visits"] == sum(child.stats["visits"] for child in children)
                assert math.fsum(child.stats["prior"] for child in children) == pytest.approx(1)
                texts = [child.step.text for child in children if child.step]
                assert len(set(texts)) == len(texts)
        votes = Selection(Rule.MAJORITY)(tree).votes
        assert sum(vote.weight for vote in votes) == simulations


def test_mean_backup_is_the_mean_of_the_leaves_below_by_their_visits() -> None:
    tree = run(MCTS(60, in_flight=8), Delayed(Toy(3, 5), seed=2), Delayed(ToyScorer(3, 5), seed=3))
    leaves = tree.leaves()
    for node in [tree.root, *tree.nodes()]:
        below = [leaf for leaf in leaves if leaf.path[: node.depth] == node.path]
        total = sum(leaf.stats["visits"] for leaf in below)
        assert node.stats["q"] == pytest.approx(sum((leaf.score or 0) * leaf.stats["visits"] for leaf in below) / total)
        assert total == node.stats["visits"]


def test_one_in_flight_is_a_function_of_the_seed_alone() -> None:
    searcher = MCTS(60, in_flight=1)
    trees = [run(searcher, Delayed(Toy(), seed), Delayed(ToyScorer(), seed), seed=7) for seed in range(3)]
    assert shape(trees[0]) == shape(trees[1]) == shape(trees[2])
    assert shape(run(searcher, Toy(), ToyScorer(), seed=8)) != shape(trees[0])


@pytest.mark.parametrize("in_flight", [4, 16])
def test_no_simulation_waits_for_another(in_flight: int) -> None:
    """As many requests are out as simulations are allowed, until fewer are left: with 4 and 16 it was 2.5 and 7.6."""
    out = 0

    class Slow(Toy):
        async def extend(self, *request: Any, **named: Any) -> Any:
            nonlocal out
            out += 1
            for _ in range(200):
                await asyncio.sleep(0)
            out -= 1
            return await super().extend(*request, **named)

    async def main() -> float:
        tree, turns = Tree("question"), list[int]()
        searching = asyncio.create_task(
            solve("question", MCTS(128, in_flight=in_flight), Slow(4, 5), ToyScorer(4, 5), tree=tree)
        )
        while tree.root.stats.get("visits", 0) < 128 - in_flight:
            await asyncio.sleep(0)
            turns.append(out)
        await searching
        return float(np.mean(turns))

    assert asyncio.run(main()) > 0.95 * in_flight


def test_many_in_flight_find_what_one_finds() -> None:
    """Right votes of 128 simulations, as a share, over 10 worlds: 0.75 with one in flight, 0.73 with 16."""
    shares: dict[int, list[float]] = {1: [], 16: []}
    for world_seed in range(10):
        for in_flight, right in shares.items():
            policy = Delayed(Toy(4, 5, world_seed), seed=world_seed)
            tree = run(MCTS(128, in_flight=in_flight), policy, ToyScorer(4, 5, world_seed))
            votes = Selection(Rule.MAJORITY)(tree).votes
            right.append(sum(vote.weight for vote in votes if vote.answer == "1") / 128)
    assert np.mean(shares[1]) > 0.7 and np.mean(shares[16]) > np.mean(shares[1]) - 0.05


@pytest.mark.slow
def test_a_search_of_free_simulations_keeps_no_other_waiting() -> None:
    """A thousand million simulations, of which nearly all draw nothing: the clock stops them, and others go on."""

    async def main() -> tuple[Tree, Tree]:
        policy = Walk(root=world(chain("a", 3, leaf(1))))
        endless = asyncio.create_task(solve("q", MCTS(10**9), policy, FLAT, Budget(seconds=limit)))
        other = await solve("q", BestOfN(8), Delayed(Toy(), seed=1), ToyScorer())
        assert not endless.done(), "the other search had to wait"
        return await endless, other

    limit = patience(1.0)
    tree, other = asyncio.run(main())
    assert tree.stopped == "budget" and tree.ledger.seconds < 5 * limit and tree.root.stats["visits"] > 100
    assert other.stopped == "done"


def test_a_budget_of_tokens_ends_a_search_of_any_number_of_simulations() -> None:
    """Samples grow as the square root of the visits, so that also a policy of one solution spends its tokens."""
    for policy in (Toy(), Walk(root=world(chain("a", 3, leaf(1))))):
        tree = run(MCTS(10**9), policy, FLAT, Budget(generated_tokens=200))
        assert tree.stopped == "budget" and tree.ledger.generated_tokens == 200


@pytest.mark.parametrize("in_flight", [1, 4])
def test_simulations_that_draw_nothing_end_a_search(in_flight: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One solution of one step: sample d + 1 comes after d^2 + 1 visits, and 2 d - 2 simulations between it and sample
    d draw nothing; 49 of them are reached at d = 26."""
    monkeypatch.setattr(search.algorithms.mcts, "_IDLE", 50)
    policy = Walk(root=world(leaf(1)))
    tree = run(MCTS(10**9, in_flight=in_flight), policy, FLAT, Budget(generated_tokens=10**9))
    assert tree.stopped == "done" and tree.root.stats["drawn"] == 26
    assert tree.root.stats["visits"] == pytest.approx(25**2 + 1 + 50, abs=in_flight - 1)


def test_simulations_that_draw_nothing_add_nothing_to_the_record() -> None:
    tree = run(MCTS(2000, in_flight=4), Toy(2, 3), ToyScorer(2, 3))
    assert tree.root.stats["visits"] == 2000
    assert len(tree.record) <= tree.ledger.policy_calls + 2 < 1000
    (votes,) = [sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes)]
    assert votes == 2000


def test_a_second_search_of_a_tree_goes_on_where_the_first_one_ended() -> None:
    """With a scale of values over the whole tree, and visits and samples that are counted on."""
    for kind, scorer in SCORERS.items():
        once = run(MCTS(80, in_flight=1), Toy(3, 5), scorer, seed=3)
        twice = Tree("question", 3)
        for _ in range(2):
            run(MCTS(40, in_flight=1), Toy(3, 5), scorer, tree=twice)
        assert {node.path: node.stats for node in twice.nodes()} == {node.path: node.stats for node in once.nodes()}, (
            kind
        )
