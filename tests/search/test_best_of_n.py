"""Best-of-N against its closed form, and what it asks for."""

import math

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import BestOfN, Reduction, Rule, Selection
from tests.helpers import Counted, run
from tests.worlds import Short, Values, Walk, chain, leaf, world


def test_it_asks_for_whole_solutions_and_scores_each() -> None:
    policy, scorer = Counted(Toy()), Counted(ToyScorer())
    tree = run(BestOfN(n=5), policy, scorer)
    assert policy.nodes == [((), 1, None)] * 5
    assert [leaf.path for leaf in tree.leaves()] == [(i, 0, 0, 0) for i in range(5)]
    assert all(node.score is not None and node.birth is not None for node in tree.nodes())
    assert tree.ledger.samples == 5 and tree.stopped == "done"


@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(8, marks=pytest.mark.slow)])
def test_under_exact_scores_it_errs_as_often_as_n_samples_do(n: int) -> None:
    """1 - (1 - p)^n. N = 400 runs; the tolerance is 4 binomial standard errors."""
    p, runs = 0.3, 400
    root = world(leaf(1, 1.0, 0.1), leaf(2, 0.0, 0.7), leaf(1, 1.0, 0.2))
    expected = 1 - (1 - p) ** n
    assert root.value == pytest.approx(p) and 0.05 < expected < 0.95
    select = Selection(Rule.BEST, Reduction.LAST)
    trees = (run(BestOfN(n), Walk(root=root), Values(root=root), seed=seed) for seed in range(runs))
    accuracy = sum(select(tree).answer == "1" for tree in trees) / runs
    assert abs(accuracy - expected) < 4 * math.sqrt(expected * (1 - expected) / runs)


def test_a_truncated_solution_counts_as_a_sample() -> None:
    tree = run(
        BestOfN(n=3), Short(root=world(chain("a", 5, leaf(1))), limit=2), Values(root=world(chain("a", 5, leaf(1))))
    )
    assert tree.ledger.samples == 3 and all(leaf.truncated and leaf.score is not None for leaf in tree.leaves())
    assert Selection()(tree).answer is None
