"""`every`, the steps between two questions to the scorer: what it leaves as it is, and what it saves."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Beam, BestOfN, Budget, Kind, Node, ParticleFilter, Tree
from search.algorithms.mcts import Backup, Prior
from tests.helpers import Delayed, run, z_score
from tests.search.golden import score_of
from tests.worlds import UNEVEN, Values, Walk, leaves


def nodes(tree: Tree) -> dict[Any, Any]:
    return {node.path: (node.step, node.score, node.stats) for node in tree.nodes()}


@pytest.mark.parametrize("every", [4, 5, 1000])
def test_a_beam_that_asks_only_at_the_end_is_best_of_n(every: int) -> None:
    for seed in range(4):
        beam = run(Beam(n=6, branch=2, every=every), Toy(3, 4), ToyScorer(3, 4), seed=seed)
        best_of_n = run(BestOfN(n=6), Toy(3, 4), ToyScorer(3, 4), seed=seed)
        assert nodes(beam) == nodes(best_of_n)
        assert beam.ledger.scorer_tokens_computed == best_of_n.ledger.scorer_tokens_computed


@pytest.mark.parametrize(("every", "requests", "tokens"), [(1, 32, 80), (2, 16, 48), (3, 16, 56), (4, 8, 32)])
def test_what_a_beam_asks_of_a_scorer_that_reads_whole_paths(every: int, requests: int, tokens: int) -> None:
    """8 candidates of 4 steps: the scorer reads 8 paths of 1, 2, 3 and 4 steps, at every=2 of 2 and 4."""
    tree = run(Beam(n=8, branch=2, every=every), Toy(8, 4, enumerates=True), ToyScorer(8, 4))
    assert (tree.ledger.scorer_calls, tree.ledger.scorer_tokens_computed) == (requests, tokens)
    assert len(tree.leaves()) == 8 and tree.ledger.generated_tokens == 32
    assert all(node.score is not None for node in tree.nodes()), "steps between two questions have scores, too"
    kept = [{node.depth for node in event.data["kept"]} for event in tree.events("beam")]
    assert kept == [{depth} for depth in range(every, 4, every)]


def test_a_beam_keeps_the_best_of_the_steps_at_which_it_asks() -> None:
    policy = Toy(4, 4, world_seed=3)
    tree = run(Beam(n=8, branch=4, every=2), policy, ToyScorer(4, 4, world_seed=3))
    (event,) = tree.events("beam")
    second = sorted((node for node in tree.nodes() if node.depth == 2), key=lambda node: -(node.score or 0))
    assert [node.path for node in event.data["kept"]] == [node.path for node in second[:2]]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "knobs", [{}, {"backup": Backup.MAX}, {"prior": Prior.LOGPROB}], ids=["mean", "max", "logprob"]
)
def test_one_simulation_at_a_time_chooses_the_same_whenever_the_scorer_is_asked(kind: Kind, knobs: Any) -> None:
    """Values are backed up from leaves: the scores of inner steps decide nothing that has not come by then."""
    trees = [
        run(MCTS(30, in_flight=1, every=every, **knobs), Toy(3, 4), score_of(kind), seed=3) for every in (1, 2, 3, 9)
    ]
    assert all(nodes(first) == nodes(other) for first, other in pairwise(trees))
    calls = [tree.ledger.scorer_calls for tree in trees]
    assert max(calls) == calls[0]
    assert calls[-1] < 0.7 * calls[0] or kind is Kind.OUTCOME  # which is asked about leaves alone


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("budget", [Budget(), Budget(generated_tokens=40), Budget(flops=400)])
def test_simulations_in_flight_judge_every_step_in_the_end(every: int, budget: Budget) -> None:
    policy, scorer = Delayed(Toy(3, 5), seed=1), Delayed(ToyScorer(3, 5), seed=2)
    tree = run(MCTS(60, in_flight=6, every=every), policy, scorer, budget)
    assert any(leaf.finished for leaf in tree.leaves())
    for node in tree.nodes():
        assert node.birth is not None or not _judged_below(node)
        assert node.birth is None or (node.score is not None and (node.parent is None or _born(node.parent)))
    if budget == Budget():
        assert all(node.birth is not None for node in tree.nodes()) and tree.root.stats["visits"] == 60


def _born(node: Node) -> bool:
    return node.depth == 0 or node.birth is not None


def _judged_below(node: Node) -> bool:
    return any(child.birth is not None for child in node.children.values())


@pytest.mark.parametrize("every", [2, 3])
def test_the_evidence_estimate_stays_unbiased(every: int) -> None:
    """Weights telescope over several steps as over one: 250 runs of 4 particles, |z| < 4."""
    expected = sum(p * math.exp(psi(end.value)) for _, p, end in leaves(UNEVEN))
    search = ParticleFilter(4, every=every)
    trees = [run(search, Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed) for seed in range(250)]
    estimates = [math.exp(tree.events("population")[-1].data["log_evidence"]) for tree in trees]
    assert np.std(estimates) > 0.1 * expected
    assert abs(z_score(estimates, expected)) < 4
    assert {len(tree.events("population")) for tree in trees} == ({1, 2} if every == 2 else {1})


def test_particles_that_are_weighed_only_at_the_end_are_weighted_samples() -> None:
    """Importance sampling: each log-weight is psi of the solution's score, and nothing is resampled."""
    tree = run(ParticleFilter(6, every=3), Walk(root=UNEVEN), Values(root=UNEVEN), seed=3)
    (population,) = (event.data for event in tree.events("population"))
    assert population["log_weights"] == pytest.approx([psi(node.score) for node in population["nodes"]])
    assert not tree.events("resampling") and len(set(population["nodes"])) == 6


def psi(score: float) -> float:
    return math.log(score / (1 - score))
