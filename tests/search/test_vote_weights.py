"""Leaves that vote with the weights that a search gave them: particles, visits, rounds."""

import math

import numpy as np
import pytest

from search import (
    MCTS,
    BestOfN,
    Budget,
    End,
    ParticleFilter,
    Rule,
    Selection,
    Tree,
    oracle,
)
from tests.helpers import run
from tests.search.trees import tree_of
from tests.search.votes import FOUR, elect, populate, weights
from tests.worlds import Values, Walk, chain, leaf, world


def test_particles_vote_with_their_weights() -> None:
    tree = tree_of(("1", [0.5]), ("2", [0.5]), ("3", [0.5], End.MAX_STEPS), ("4", [0.5]))
    populate(tree, [(3,)] * 3, [0.0] * 3)
    populate(tree, [(0,), (1,), (0,), (2,)], [math.log(w) - 900 for w in (0.1, 0.4, 0.2, 0.3)])
    assert weights(tree, Rule.PARTICLE) == pytest.approx({"2": 0.4, "1": 0.3}), "of all particles, open ones too"
    assert weights(tree, Rule.MAJORITY) == pytest.approx({"2": 1.6, "1": 1.2}), "of four; the last population only"
    assert weights(tree, Rule.WEIGHTED) == pytest.approx({"2": 0.8, "1": 0.6})
    assert weights(tree, Rule.DISTINCT) == {"1": 1, "2": 1}
    assert weights(tree, Rule.WEIGHTS) == weights(tree, Rule.PARTICLE)
    assert oracle(tree, lambda answer: answer == "4")


def test_the_particle_rule_raises_on_no_tree() -> None:
    """Before the first population every finished leaf has weight one."""
    assert weights(FOUR, Rule.PARTICLE) == weights(FOUR, Rule.MAJORITY) == {"1": 2, "2": 1, "3": 1}
    assert Selection(Rule.PARTICLE)(Tree("q")).answer is None


def test_a_tree_may_give_its_leaves_weights() -> None:
    tree = tree_of(("1", [0.9]), ("2", [0.5]), ("2", [0.4]), ("3", [0.3]))
    elect(tree, {(0,): 0, (3,): 5})
    assert weights(tree, Rule.MAJORITY) == {"3": 5, "2": 2}, "none given is one, and a leaf of weight zero has no vote"
    assert weights(tree, Rule.BEST) == {"2": 0.5, "3": 0.3}
    assert weights(tree, Rule.WEIGHTED) == pytest.approx({"3": 1.5, "2": 0.9})
    assert weights(tree, Rule.WEIGHTS) == {"3": 5, "2": 2}
    assert weights(tree, Rule.DISTINCT) == {"2": 1, "3": 1}
    elect(tree, {(3,): 2, (0,): 3}, samples=9)
    assert weights(tree, Rule.MAJORITY) == {"1": 3, "2": 2, "3": 2}, "the last weight of each leaf counts"
    tree.budget = Budget(samples=8)
    assert weights(tree, Rule.MAJORITY) == {"3": 5, "2": 2}, "within the budget"


def test_a_vote_by_score_is_the_weight_times_the_score() -> None:
    tree = tree_of(("1", [0.9]), ("2", [0.5]), ("3", [0.6]))
    elect(tree, {(1,): 4, (2,): 0.5})
    assert weights(tree, Rule.MAJORITY) == {"2": 4, "1": 1, "3": 0.5}
    assert weights(tree, Rule.WEIGHTED) == pytest.approx({"2": 2.0, "1": 0.9, "3": 0.3})


def test_whole_electorates_of_rounds_add_up() -> None:
    """Within a round the last one counts. Files of before rounds have no number, and are of one round."""
    tree = tree_of(("1", [0.9]), ("2", [0.5]), ("3", [0.3]), ("4", [0.1]))
    elect(tree, {(0,): 4}, whole=True)
    elect(tree, {(0,): 1, (1,): 3}, whole=True)
    elect(tree, {(2,): 4}, whole=True, number=1)
    assert weights(tree, Rule.MAJORITY) == {"3": 4, "2": 3, "1": 1}
    assert weights(tree, Rule.WEIGHTS) == pytest.approx({"3": 4 / 8, "2": 3 / 8, "1": 1 / 8})
    for event in tree.record:
        del event.data["round"]
    tree.changed()
    assert weights(tree, Rule.MAJORITY) == {"3": 4}


def test_a_whole_electorate_forgets_what_was_given_before() -> None:
    tree = tree_of(("1", [0.9]), ("2", [0.5]), ("3", [0.3]))
    elect(tree, {(0,): 7})
    elect(tree, {(1,): 1, (2,): 3}, whole=True)
    assert weights(tree, Rule.WEIGHTS) == {"3": 0.75, "2": 0.25}
    elect(tree, {(0,): 1})
    assert set(weights(tree, Rule.WEIGHTS)) == {"1", "2", "3"}, "and may be added to"


def test_merged_samples_keep_their_votes() -> None:
    """One-step answers of which the right one is likeliest, and a scorer that knows nothing: the visits of MCTS, which
    draws 16 samples in 256 simulations, have the majority of Best-of-16 (by distinct texts it was 0.26 and 0.89)."""
    root = world(leaf(0, 0.5, 0.5), *(leaf(wrong, 0.5, 1 / 6) for wrong in (1, 2, 3)))
    right: dict[str, list[bool]] = {"mcts": [], "best_of_n": []}
    for seed in range(60):
        for name, search in (("mcts", MCTS(256)), ("best_of_n", BestOfN(16))):
            tree = run(search, Walk(root=root), Values(root=root), seed=seed)
            right[name].append(Selection(Rule.MAJORITY)(tree).answer == "0")
    assert np.mean(right["mcts"]) == pytest.approx(np.mean(right["best_of_n"]), abs=0.1)
    assert np.mean(right["mcts"]) > 0.8


def test_a_leaf_of_mcts_votes_with_its_visits() -> None:
    root = world(chain("a", 2, leaf(1, 0.5)))
    tree = run(MCTS(8, in_flight=1), Walk(root=root), Values(root=root))
    (vote,) = Selection(Rule.MAJORITY)(tree).votes
    assert vote.weight == 8 and len(vote.leaves) == 1
    assert Selection(Rule.WEIGHTED)(tree).votes[0].weight == 8 * 0.5


def test_the_weights_alone_are_the_posterior() -> None:
    """Two answers of prior one half and odds four and one: 0.8 and 0.2. A vote by score counts the scorer twice."""
    root = world(leaf(1, 0.8, 0.5), leaf(2, 0.5, 0.5))
    shares = [
        weights(run(ParticleFilter(64), Walk(root=root), Values(root=root), seed=seed), Rule.WEIGHTS).get("1", 0.0)
        for seed in range(60)
    ]
    assert np.mean(shares) == pytest.approx(0.8, abs=0.03)
    assert np.std(shares) / len(shares) ** 0.5 < 0.01
