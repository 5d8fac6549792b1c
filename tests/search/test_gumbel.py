"""Gumbel top-k with sequential halving: whom it draws, how it halves, what votes."""

import math

import pytest

from policies.toy import Toy
from search import Again, Budget, Gumbel, Kind, KindError, Rule, Selection, Tree
from search.algorithms import gumbel
from tests.helpers import run
from tests.worlds import By, InTurn, Short, Values, Walk, by_text, chain, leaf, place, world

FOUR = world(*(place(name, leaf(i), probability=0.25) for i, name in enumerate("abcd")))
WORTH = {"a": 0.4, "b": 0.1, "c": 0.9, "d": 0.6}


def by_first(kind: Kind = Kind.VALUE, scale: float = 1.0, shift: float = 0.0) -> By:
    """The value of a path is that of its first step."""
    return By(lambda steps: shift + scale * WORTH[steps[0].text[0]], kind)


def written(tree: Tree) -> dict[str, int]:
    """Solutions below each first step."""
    return {child.text().strip(): len(child.children) for child in tree.root.children.values()}


@pytest.mark.parametrize("drawn", [1, 5])
def test_one_considered_step_is_a_sample_of_the_policy(drawn: int) -> None:
    """The largest of g + log share is step i with probability share_i, whose mean is p_i. 400 runs, 4 errors."""
    root = world(place("a", leaf(1), probability=0.3), place("b", leaf(2), probability=0.7))
    taken = 0
    for seed in range(400):
        tree = run(Gumbel(n=2, considered=1, drawn=drawn), Walk(root=root), by_text({}), seed=seed)
        (only,) = [name for name, number in written(tree).items() if number]
        taken += only == "a"
        assert sum(written(tree).values()) == 2
    assert abs(taken / 400 - 0.3) < 4 * math.sqrt(0.21 / 400)


def test_two_are_drawn_without_replacement() -> None:
    """Shares 1/2, 1/4, 1/4: the two equal ones are both drawn with probability 1/4 1/4 / (3/4) twice, 1/6."""
    root = world(*(place(name, leaf(1), probability=0.25) for name in ("a", "a", "b", "c")))
    both = 0
    for seed in range(400):
        tree = run(Gumbel(n=2, considered=2, drawn=4, c_scale=0.0), InTurn(root=root), by_text({}), seed=seed)
        both += {name for name, number in written(tree).items() if number} == {"b", "c"}
    assert abs(both / 400 - 1 / 6) < 4 * math.sqrt(5 / 36 / 400)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (16, {"a": 2, "b": 2, "c": 6, "d": 6}),  # 2 rounds: 16 / 8 each, then 16 / 4 for the better two
        (
            20,
            {"a": 2, "b": 2, "c": 9, "d": 7},
        ),  # 20 / 8 = 2 each, 20 / 4 = 5 for the better two, the last 2 for the best
        (6, {"a": 1, "b": 1, "c": 2, "d": 2}),
        (4, {"a": 1, "b": 1, "c": 1, "d": 1}),
    ],
)
def test_halving_by_hand(n: int, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    tree = run(Gumbel(n, considered=4, drawn=4, c_scale=10.0), InTurn(root=FOUR), by_first())
    assert written(tree) == expected
    if n > 6:  # without the values, noise decides
        monkeypatch.setattr(gumbel, "mean_values", lambda solutions, values, convert: 0.0)
        trees = [run(Gumbel(n, 4, 4, 10.0), InTurn(root=FOUR), by_first(), seed=seed) for seed in range(6)]
        assert any(written(tree) != expected for tree in trees)


def test_a_first_step_that_is_a_solution_stands_for_those_it_would_have_got() -> None:
    root = world(leaf(1, 0.9, 0.5), chain("a", 2, leaf(2, 0.1), 0.5))
    tree = run(Gumbel(n=8, considered=2, drawn=6), Walk(root=root), Values(root=root), seed=1)
    votes = {vote.answer: vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes}
    assert votes == {"1": 4, "2": 4}
    only = world(leaf(1, 0.9, 0.5), leaf(2, 0.1, 0.5))
    tree = run(Gumbel(n=8, considered=2, drawn=6), Walk(root=only), Values(root=only), seed=1)
    assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 8 and tree.ledger.policy_calls == 1
    tree = run(Again(Gumbel(n=8, considered=2, drawn=6), times=2, sure=1), Walk(root=only), Values(root=only), seed=1)
    assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 16


def test_what_counts_is_relative_where_scores_have_no_bounds() -> None:
    grown = [
        written(run(Gumbel(16, 4, 4, 10.0), InTurn(root=FOUR), by_first(Kind.OUTCOME, *moved)))
        for moved in ((1.0, 0.0), (64.0, -8.0))
    ]
    assert grown[0] == grown[1] == {"a": 2, "b": 2, "c": 6, "d": 6}


def test_solutions_that_are_cut_have_no_value_under_an_outcome_scorer() -> None:
    root = world(chain("a", 5, leaf(1), 0.5), chain("b", 5, leaf(2), 0.5))
    tree = run(Gumbel(n=6, considered=2, drawn=6), Short(root=root, limit=3), by_text({}, Kind.OUTCOME))
    assert tree.stopped == "done" and all(node.truncated for node in tree.leaves())


def test_a_budget_ends_it_with_what_it_has() -> None:
    tree = run(Gumbel(n=50), Toy(), by_text({}), Budget(samples=9))
    assert tree.stopped == "budget" and tree.ledger.samples == 9 and Selection()(tree).answer is not None


def test_ranks_say_nothing_of_leaves() -> None:
    with pytest.raises(KindError, match="values of its leaves"):
        run(Gumbel(), Toy(), by_text({}, Kind.RANKING))
