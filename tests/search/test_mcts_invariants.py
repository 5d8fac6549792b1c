"""MCTS: invariants of every tree with any number of simulations in flight, early ends, determinism by the seed."""

import math
from collections import Counter

import pytest

import search.algorithms.mcts
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS
from search.algorithms.mcts import Value
from tests.helpers import Counted, Delayed, run, shape
from tests.worlds import Values, Walk, leaf, place, world


def test_it_ends_early_when_the_tree_is_exhausted() -> None:
    root = world(
        leaf(1, probability=0.5), place("a", leaf(2, probability=0.5), leaf(3, probability=0.5), probability=0.5)
    )
    for in_flight in (1, 4, 16):
        policy = Counted(Delayed(Walk(root=root, enumerates=True), seed=in_flight))
        tree = run(MCTS(500, in_flight=in_flight), policy, Values(root=root))
        assert tree.stopped == "done" and tree.root.stats["visits"] == 5  # the root, a, three leaves
        assert sorted(policy.nodes) == [((), 2, 1), ((1,), 2, 1)]


@pytest.mark.parametrize("value", Value)
@pytest.mark.parametrize("in_flight", [1, 4, 16])
def test_invariants(in_flight: int, value: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[search.algorithms.mcts._Run] = []

    class Seen(search.algorithms.mcts._Run):
        def __init__(self, *knobs: object) -> None:
            super().__init__(*knobs)  # type: ignore[arg-type]
            runs.append(self)

    monkeypatch.setattr(search.algorithms.mcts, "_Run", Seen)
    for seed in range(6):
        simulations = (5, 40, 400)[seed % 3]
        policy = Counted(Delayed(Toy(3, 5), seed=seed))
        scorer = Counted(Delayed(ToyScorer(3, 5), seed=seed + 100))
        tree = run(MCTS(simulations, in_flight=in_flight, value=value), policy, scorer, seed=seed)
        expanded = Counter(path for path, _, max_steps in policy.nodes if max_steps == 1)
        assert set(expanded.values()) == {1}, "a node was expanded twice"
        assert not runs[-1].expanding and not any(runs[-1].in_flight.values())
        assert policy.pending == scorer.pending == 0
        inner = [node for node in [tree.root, *tree.nodes()] if node.path in expanded]
        for node in inner:
            children = [child for child in node.children.values() if "prior" in child.stats]
            assert node.stats["visits"] == 1 + sum(child.stats["visits"] for child in children)
            assert math.fsum(child.stats["prior"] for child in children) == pytest.approx(1)
        for node in tree.nodes():
            if "visits" in node.stats and node.path not in expanded:
                assert node.stats["visits"] == int(node.stats["visits"] > 0 and not node.open)
        exhausted = all(node.stats["visits"] for node in tree.nodes() if "visits" in node.stats)
        assert tree.root.stats["visits"] == simulations or (exhausted and tree.root.stats["visits"] < simulations)
        assert runs[-1].begun == tree.root.stats["visits"]
        assert any(node.finished for node in tree.leaves())


def test_mean_backup_is_the_mean_of_what_passed_through() -> None:
    """A visited node's own value is its score, so Q is the mean score of the visited nodes at or below it."""
    tree = run(MCTS(60, in_flight=8), Delayed(Toy(3, 5), seed=2), Delayed(ToyScorer(3, 5), seed=3))
    for node in tree.nodes():
        if node.stats.get("visits"):
            below = [
                other for other in tree.nodes() if other.path[: node.depth] == node.path and other.stats.get("visits")
            ]
            assert node.stats["q"] == pytest.approx(sum(other.score or 0 for other in below) / len(below))
            assert len(below) == node.stats["visits"]


def test_one_in_flight_is_a_function_of_the_seed_alone() -> None:
    for value in Value:
        search_ = MCTS(30, in_flight=1, value=value)
        trees = [run(search_, Delayed(Toy(), seed), Delayed(ToyScorer(), seed), seed=7) for seed in range(3)]
        assert shape(trees[0]) == shape(trees[1]) == shape(trees[2])
        assert shape(run(search_, Toy(), ToyScorer(), seed=8)) != shape(trees[0])
