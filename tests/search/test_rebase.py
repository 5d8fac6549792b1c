"""REBASE and DVTS: how width is shared, known probabilities of success, subtrees that never compete."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import DVTS, Beam, Kind, KindError, Rebase, Tree
from search.algorithms import dvts, rebase
from search.algorithms.levels import best, shares
from search.algorithms.rebase import widths
from search.solve import Searcher
from tests.helpers import run
from tests.search.right_path import RIGHT, successes
from tests.worlds import Short, Walk, by_text, leaf, place, world


def levels(tree: Tree) -> list[list[int]]:
    """The widths that REBASE gave, by level."""
    return [event.data["widths"] for event in tree.events("rebase")]


# widths and shares


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    st.integers(0, 300),
    st.sampled_from([1e-9, 0.01, 0.2, 1, 50]),
)
def test_widths_sum_to_the_budget_and_follow_the_values(values: list[float], budget: int, temperature: float) -> None:
    taken = widths(np.array(values), budget, temperature)
    assert sum(taken) == budget and min(taken) >= 0
    order = sorted(range(len(values)), key=lambda i: -values[i])
    assert [taken[i] for i in order] == sorted(taken, reverse=True)


def test_widths_by_hand() -> None:
    """Shares 0.665, 0.245, 0.09 of 10: the first takes 7 of 10, the second ceil(3 x 0.731), the last what is left."""
    values = np.log([0.665, 0.09, 0.245])
    assert widths(values, 10, 1.0) == [7, 0, 3]
    assert widths(values, 20, 1.0) == [14, 1, 5]
    assert widths(np.array([0.3, 0.3, 0.3]), 7, 0.2) == [3, 2, 2]  # ties go to the earlier one
    assert widths(np.array([0.5, 0.9, 0.9, 0.1]), 8, 1e-9) == [0, 4, 4, 0]  # T -> 0: the best alone
    assert widths(np.array([0.5, 0.9, 0.1]), 8, 1e9) == [3, 3, 2]  # large T: equal parts, the best first
    assert widths(np.array([-1e6, 0.0]), 5, 0.2) == [0, 5]
    assert widths(np.array([2.0]), 5, 0.2) == [5]


def test_shares_are_even_and_the_first_get_what_is_left() -> None:
    for n in range(1, 30):
        for among in range(1, n + 1):
            parts = shares(n, among)
            assert sum(parts) == n and parts == sorted(parts, reverse=True) and parts[0] - parts[-1] <= 1
    assert shares(2, 3) == [1, 1, 0]


def test_the_best_are_the_highest_and_of_equals_the_earlier() -> None:
    assert best(np.array([0.1, 0.9, 0.5, 0.9]), 3) == [1, 3, 2]
    assert best(np.array([0.1]), 3) == [0]


# REBASE


@pytest.mark.parametrize(("n", "runs"), [pytest.param(2, 600, marks=pytest.mark.slow), (4, 300)])
def test_rebase_finds_the_right_path_as_often_as_it_must(n: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a low temperature all width goes to right steps, so that each of 3 levels fails with probability 0.7^n.

    Within 4 standard errors. Where width is shared equally instead, it falls outside.
    """
    exact = (1 - (1 - RIGHT) ** n) ** 3
    error = math.sqrt(exact * (1 - exact) / runs)
    searcher = Rebase(n=n, temperature=0.02)
    assert abs(successes(searcher, runs) - exact) < 4 * error

    def equal(values: Any, budget: int, temperature: float) -> list[int]:
        return shares(budget, len(values))

    monkeypatch.setattr(rebase, "widths", equal)
    assert successes(searcher, runs) < exact - 4 * error


def test_width_falls_by_what_has_finished() -> None:
    root = world(leaf(1, 0.5, 0.5), place("a", leaf(2, 0.9, 0.5), place("b", leaf(3, 0.2), probability=0.5)))
    for seed in range(20):
        tree = run(Rebase(n=8), Walk(root=root), by_text({"a": 0.7}), seed=seed)
        finished = [0, 0, 0, 0]
        for node in tree.leaves():
            finished[node.depth] += 1
        assert [sum(level) for level in levels(tree)] == [
            8 - sum(finished[: d + 1]) for d in (1, 2) if d <= len(levels(tree))
        ]
        assert sum(finished) == 8 and tree.stopped == "done"


def test_solutions_that_are_cut_give_their_width_to_others() -> None:
    root = world(place("a", leaf(1)), place("b", place("c", place("d", leaf(2)))))
    policy = Short(root=root, limit=3)
    tree = run(Rebase(n=6), policy, by_text({"a": 0.5, "b": 0.6, "c": 0.6}), seed=2)
    assert {leaf.truncated for leaf in tree.leaves()} == {True, False}
    assert sum(levels(tree)[0]) == 6


@pytest.mark.parametrize("searcher", [Rebase(n=4), DVTS(n=4, branch=2)], ids=lambda s: type(s).__name__)
def test_solutions_without_an_end_stop_at_the_policys_limit(searcher: Searcher) -> None:
    root = place("on", place("on", place("on", leaf(1))))
    tree = run(searcher, Short(root=root, limit=2), by_text({"on": 0.5}))
    assert tree.stopped == "done" and all(leaf.truncated for leaf in tree.leaves()) and len(tree.leaves()) >= 4


@pytest.mark.parametrize("searcher", [Rebase(), DVTS()], ids=lambda s: type(s).__name__)
def test_an_outcome_scorer_judges_no_steps(searcher: Searcher) -> None:
    with pytest.raises(KindError, match="beam, REBASE, DVTS"):
        run(searcher, Toy(), by_text({}, Kind.OUTCOME))


# DVTS


@pytest.mark.parametrize(("n", "branch"), [(4, 2), pytest.param(6, 2, marks=pytest.mark.slow), (4, 4)])
def test_dvts_finds_the_right_path_as_often_as_it_must(n: int, branch: int) -> None:
    """n / branch independent chains, each of 3 levels that fail with probability 0.7^branch. 300 runs, 4 errors."""
    chain = (1 - (1 - RIGHT) ** branch) ** 3
    exact = 1 - (1 - chain) ** (n // branch)
    assert abs(successes(DVTS(n, branch), 300) - exact) < 4 * math.sqrt(exact * (1 - exact) / 300)


@pytest.mark.slow
def test_dvts_fails_oftener_without_its_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a subtree follows its first continuation instead of its best."""
    monkeypatch.setattr(dvts, "best", lambda values, count: [0])
    chain = RIGHT * (1 - (1 - RIGHT) ** 2) * RIGHT
    assert successes(DVTS(4, 2), 300) < 1 - (1 - chain) ** 2 + 0.1 < 1 - (1 - (1 - 0.7**2) ** 3) ** 2 + 0.05


@pytest.mark.parametrize(("n", "branch", "expected"), [(8, 2, [2, 2, 2, 2]), (9, 4, [5, 4]), (3, 4, [3])])
def test_dvts_is_greedy_in_each_of_its_subtrees(n: int, branch: int, expected: list[int]) -> None:
    """Each level of a subtree goes on from the best of its own continuations, whatever the other subtrees hold."""
    tree = run(DVTS(n, branch), Toy(3, 4), ToyScorer(3, 4, error=1.0), seed=5)
    first = list(tree.root.children.values())
    assert len(first) == n
    for width in expected:
        candidates, first = first[:width], first[width:]
        while candidates:
            assert len(candidates) == width
            chosen = max(candidates, key=lambda node: node.score or 0.0)
            assert [node for node in candidates if node.children] == ([chosen] if chosen.open else [])
            candidates = list(chosen.children.values())
    assert len(tree.leaves()) == n


def test_one_subtree_is_a_beam_that_keeps_one() -> None:
    def grown(searcher: Searcher) -> list[tuple[Any, ...]]:
        tree = run(searcher, Toy(3, 4), ToyScorer(3, 4, error=1.0), seed=7)
        return [(node.path, node.score, node.text()) for node in tree.nodes()]

    assert grown(DVTS(n=4, branch=4)) == grown(Beam(n=4, branch=4))
