"""From leaves to an answer, on trees made by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from search import (
    MCTS,
    BestOfN,
    Budget,
    End,
    Grower,
    Kind,
    KindError,
    KnobError,
    Ledger,
    ParticleFilter,
    Reduction,
    Rule,
    ScoreError,
    Scorer,
    Selection,
    Tree,
    oracle,
)
from search.answers.selection import BY_SCORE, allowed_rules
from search.tree import Event
from search.tree.scores import normalise
from tests.helpers import run
from tests.search.trees import tree_of
from tests.worlds import By, Values, Walk, chain, leaf, world


def populate(tree: Tree, paths: Sequence[tuple[int, ...]], log_weights: Sequence[float], samples: int = 0) -> None:
    """A particle filter's electorate."""
    votes: dict[tuple[int, ...], float] = {}
    for path, weight in zip(paths, normalise(np.array(log_weights)), strict=True):
        votes[path] = votes.get(path, 0.0) + len(paths) * float(weight)
    elect(tree, votes, samples, whole=True)


def elect(
    tree: Tree, votes: dict[tuple[int, ...], float], samples: int = 0, whole: bool = False, number: int = 0
) -> None:
    nodes = [tree[tuple(path)] for path in votes]
    data = {"nodes": nodes, "weights": list(votes.values()), "whole": whole, "round": number}
    tree.record.append(Event("electorate", Ledger(samples=samples), data))


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
