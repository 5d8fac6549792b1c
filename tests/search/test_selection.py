"""From leaves to an answer, on trees made by hand."""

import math
from collections.abc import Sequence

import pytest

from search import Budget, End, Kind, KindError, Ledger, Reduction, Rule, Selection, Tree, oracle
from search.answers.selection import allowed_rules
from search.tree import Event
from tests.search.trees import tree_of


def populate(tree: Tree, paths: Sequence[tuple[int, ...]], log_weights: Sequence[float], samples: int = 0) -> None:
    data = {"nodes": [tree[tuple(path)] for path in paths], "log_weights": list(log_weights)}
    tree.record.append(Event("population", Ledger(samples=samples), data))


def weights(tree: Tree, rule: Rule, reduction: Reduction | None = None) -> dict[str, float]:
    return {vote.answer: vote.weight for vote in Selection(rule, reduction)(tree).votes}


FOUR = tree_of(("1", [0.9, 0.2]), ("2", [0.5, 0.8]), ("1", [0.4, 0.7]), ("3", [0.6, 0.6]))


def test_best() -> None:
    assert weights(FOUR, Rule.BEST, Reduction.LAST) == {"2": 0.8, "1": 0.7, "3": 0.6}
    assert Selection(Rule.BEST, Reduction.LAST)(FOUR).answer == "2"
    assert Selection(Rule.BEST, Reduction.MIN)(FOUR).answer == "3"
    assert Selection(Rule.BEST)(FOUR).answer == "3", "the kind's own reduction is the minimum"


def test_majority() -> None:
    ballot = Selection(Rule.MAJORITY)(FOUR)
    assert [(vote.answer, vote.weight) for vote in ballot.votes] == [("1", 2), ("2", 1), ("3", 1)]
    assert [leaf.path for leaf in ballot.votes[0].leaves] == [(0, 0), (2, 0)]
    assert ballot.tied == ["1"]


def test_weighted() -> None:
    assert weights(FOUR, Rule.WEIGHTED, Reduction.LAST) == pytest.approx({"1": 0.9, "2": 0.8, "3": 0.6})
    assert weights(FOUR, Rule.WEIGHTED, Reduction.MIN) == pytest.approx({"3": 0.6, "1": 0.6, "2": 0.5})
    assert weights(FOUR, Rule.WEIGHTED, Reduction.PRODUCT) == pytest.approx({"1": 0.46, "2": 0.4, "3": 0.36})


def test_weighted_by_kind() -> None:
    additive = tree_of(("1", [1.0, 1.0]), ("2", [3.0, -1.0 + math.log(3)]), kind=Kind.ADDITIVE)
    assert weights(additive, Rule.WEIGHTED) == pytest.approx({"2": 0.75, "1": 0.25})
    outcome = tree_of(("1", [0.0]), ("2", [math.log(3)]), kind=Kind.OUTCOME)
    assert weights(outcome, Rule.WEIGHTED) == pytest.approx({"2": 0.75, "1": 0.5})
    with pytest.raises(KindError, match="weighted vote"):
        Selection(Rule.WEIGHTED)(tree_of(("1", [3.0]), kind=Kind.RANKING))


def test_a_reduction_that_the_kind_forbids() -> None:
    with pytest.raises(KindError, match="reduction product is not defined for scores of kind additive"):
        Selection(Rule.BEST, Reduction.PRODUCT)(tree_of(("1", [3.0]), kind=Kind.ADDITIVE))


def test_ties_go_to_the_lowest_path() -> None:
    tree = tree_of(("3", [0.5]), ("1", [0.5]), ("1", [0.5]), ("3", [0.5]), ("2", [0.9]))
    ballot = Selection(Rule.MAJORITY)(tree)
    assert ballot.answer == "3" and ballot.tied == ["3", "1"]


def test_among_leaves_of_equal_score_the_lowest_path_wins() -> None:
    tree = tree_of(("1", [0.1]), ("2", [0.9]), ("1", [0.9]))
    ballot = Selection(Rule.BEST)(tree)
    assert ballot.answer == "2" and ballot.tied == ["2", "1"]


def test_rounding_breaks_no_tie() -> None:
    """0.1 + 0.2 is a little more than 0.3."""
    tree = tree_of(("3", [0.3]), ("1", [0.1]), ("1", [0.2]))
    assert 0.1 + 0.2 > 0.3
    ballot = Selection(Rule.WEIGHTED)(tree)
    assert ballot.answer == "3" and ballot.tied == ["3", "1"]


def test_no_finished_leaf_is_no_answer() -> None:
    for tree in (Tree("q"), tree_of(("1", [0.5], End.MAX_STEPS), ("", [0.5], End.DELIMITER))):
        for rule in (Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED):
            ballot = Selection(rule)(tree)
            assert ballot.answer is None and ballot.votes == [] and ballot.tied == []
        assert not oracle(tree, lambda answer: True)


def test_truncated_leaves_never_vote() -> None:
    cut = [("1", [0.99], end) for end in (End.MAX_STEPS, End.MAX_TOKENS, End.CONTEXT)]
    tree = tree_of(*cut, ("2", [0.01]))
    for rule in (Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED):
        assert list(weights(tree, rule)) == ["2"]
    assert not oracle(tree, lambda answer: answer == "1")


def test_a_finished_leaf_without_an_answer_does_not_vote() -> None:
    tree = tree_of(("", [0.9], End.EOS), ("", [0.9], End.EOS), ("2", [0.1], End.EOS))
    assert weights(tree, Rule.MAJORITY) == {"2": 1}


def test_equal_numbers_are_one_answer_and_keep_the_first_text() -> None:
    tree = tree_of(("2", [0.2]), ("1.0", [0.3]), ("1", [0.4]), ("01", [0.1]))
    assert weights(tree, Rule.MAJORITY) == {"1.0": 3, "2": 1}


def test_particles_vote_with_their_weights() -> None:
    tree = tree_of(("1", [0.5]), ("2", [0.5]), ("3", [0.5], End.MAX_STEPS), ("4", [0.5]))
    populate(tree, [(3,)] * 3, [0.0] * 3)
    populate(tree, [(0,), (1,), (0,), (2,)], [math.log(w) - 900 for w in (0.1, 0.4, 0.2, 0.3)])
    assert weights(tree, Rule.PARTICLE) == pytest.approx({"2": 0.4, "1": 0.3}), "of all particles, open ones too"
    assert weights(tree, Rule.MAJORITY) == {"1": 2, "2": 1}, "once a particle, of the last population only"
    assert weights(tree, Rule.WEIGHTED) == pytest.approx({"1": 1.0, "2": 0.5})
    assert oracle(tree, lambda answer: answer == "4")


def test_the_particle_rule_needs_particles() -> None:
    with pytest.raises(KindError, match="needs a particle filter's tree"):
        Selection(Rule.PARTICLE)(FOUR)
    assert Selection(Rule.PARTICLE)(Tree("q")).answer is None


def test_an_answer_at_a_smaller_budget() -> None:
    tree = tree_of(("1", [0.5]), ("2", [0.6]), ("3", [0.7]))
    best = Selection(Rule.BEST)
    assert [best(tree, Budget(samples=n)).answer for n in (1, 2, 3, 9)] == ["1", "2", "3", "3"]
    assert best(tree).answer == "3"
    tree.budget = Budget(samples=2)
    assert best(tree).answer == "2", "a tree's own budget"
    assert [oracle(tree, lambda answer: answer == "3", Budget(samples=n)) for n in (2, 3)] == [False, True]
    populate(tree, [(0,), (0,)], [0.0, 0.0], samples=1)
    populate(tree, [(1,), (2,)], [0.0, 0.0], samples=3)
    assert weights(tree, Rule.PARTICLE) == {"1": 1.0}
    assert [vote.answer for vote in Selection(Rule.PARTICLE)(tree, Budget()).votes] == ["2", "3"]


def test_allowed_rules() -> None:
    assert allowed_rules(FOUR) == [Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED]
    assert allowed_rules(Tree("q", kind=Kind.RANKING)) == [Rule.BEST, Rule.MAJORITY]
    tree = tree_of(("1", [0.5]))
    populate(tree, [(0,)], [0.0])
    assert allowed_rules(tree) == list(Rule)
