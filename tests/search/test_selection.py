"""From leaves to an answer, on trees made by hand."""

import math
from dataclasses import dataclass

import pytest

from search import (
    BestOfN,
    Budget,
    End,
    Grower,
    Kind,
    KindError,
    KnobError,
    Reduction,
    Rule,
    ScoreError,
    Scorer,
    Selection,
    Tree,
    oracle,
)
from search.answers.selection import BY_SCORE, allowed_rules
from tests.helpers import run
from tests.search.trees import tree_of
from tests.search.votes import FOUR, elect, populate, weights
from tests.worlds import By, Values, Walk, leaf, world


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


@dataclass(frozen=True)
class Marked:
    """Best-of-N whose leaves an outcome scorer marks."""

    outcome: Scorer
    scale = "n"

    async def search(self, grow: Grower) -> None:
        await BestOfN(8).search(grow)
        leaves = grow.tree.leaves()
        await grow.mark("orm", self.outcome, *leaves)
        await grow.mark("orm", self.outcome, *leaves)


def test_a_second_scorer_chooses() -> None:
    root = world(leaf(1, 0.9, 0.5), leaf(2, 0.5, 0.5))
    outcome = By(lambda steps: 3.0 if steps[-1].text == "\\boxed{2}" else -1.0, Kind.OUTCOME)
    tree = run(Marked(outcome), Walk(root=root), Values(root=root))
    alone = run(BestOfN(8), Walk(root=root), Values(root=root))
    assert Selection(Rule.BEST)(tree).answer == "1" and Selection(Rule.BEST, by="orm")(tree).answer == "2"
    count = {vote.answer: len(vote.leaves) for vote in Selection(Rule.MAJORITY)(tree).votes}
    sigmoid = {"1": 1 / (1 + math.e), "2": 1 / (1 + math.exp(-3))}
    by = {vote.answer: vote.weight for vote in Selection(Rule.WEIGHTED, by="orm")(tree).votes}
    assert by == pytest.approx({answer: count[answer] * sigmoid[answer] for answer in count})
    assert tree.ledger.scorer_calls == alone.ledger.scorer_calls + 2, "each solution once, charged"
    assert Selection(Rule.BEST, by="orm")(Tree.loads(tree.dumps())).answer == "2"
    with pytest.raises(KnobError, match="no scorer of that name has judged this tree"):
        Selection(by="other")(tree)


def test_a_mark_is_checked_as_a_score_is() -> None:
    root = world(leaf(1, 0.9))
    with pytest.raises(ScoreError, match="scorer orm returned nan"):
        run(Marked(By(lambda steps: math.nan, Kind.OUTCOME)), Walk(root=root), Values(root=root))


def test_allowed_rules() -> None:
    assert allowed_rules(FOUR) == [Rule.BEST, Rule.MAJORITY, *BY_SCORE]
    assert allowed_rules(Tree("q", kind=Kind.RANKING)) == [Rule.BEST, Rule.MAJORITY]
    tree = tree_of(("1", [0.5]))
    populate(tree, [(0,)], [0.0])
    assert allowed_rules(tree) == [
        Rule.BEST,
        Rule.MAJORITY,
        Rule.WEIGHTED,
        Rule.ODDS,
        Rule.POWER4,
        Rule.PARTICLE,
        Rule.DISTINCT,
    ]
    tree = tree_of(("1", [0.5]))
    elect(tree, {(0,): 2}, samples=3)
    assert allowed_rules(tree) == [Rule.BEST, Rule.MAJORITY, *BY_SCORE, Rule.DISTINCT]
    assert Rule.DISTINCT not in allowed_rules(tree, Budget(samples=2))
