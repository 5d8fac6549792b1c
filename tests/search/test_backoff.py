"""Greedy search with back-off: known probabilities of success, which steps are followed, and when it ends."""

import math

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import DVTS, BackOff, Kind, KindError, Tree
from search.solve import Searcher
from tests.helpers import run
from tests.worlds import InTurn, Short, Walk, by_text, leaf, place, world

RIGHT = 0.3
DEAD_END = world(
    place("x", place("dead", leaf(2)), probability=0.5),
    place("y", leaf(1, probability=RIGHT), leaf(2, probability=1 - RIGHT), probability=0.5),
)
"""The best first step has no good continuation."""
SCORES = {"x": 0.9, "y": 0.8, "\\boxed{1}": 1.0}


def successes(searcher: Searcher, runs: int = 250) -> float:
    trees = [run(searcher, Walk(root=DEAD_END), by_text(SCORES), seed=seed) for seed in range(runs)]
    return sum(any("{1}" in leaf.text() for leaf in tree.leaves()) for tree in trees) / runs


def within(measured: float, exact: float, runs: int = 250) -> bool:
    """4 standard errors."""
    return abs(measured - exact) < 4 * math.sqrt(exact * (1 - exact) / runs)


def followed(tree: Tree) -> list[str]:
    return [node.text().replace("\n\n", "") for node in tree.nodes() if node.children]


def backed_up(tree: Tree) -> list[str]:
    return [node.text().replace("\n\n", "") for node in tree.nodes() if node.stats.get("backed_up")]


def test_it_finds_the_right_solution_as_often_as_it_must() -> None:
    """Two first steps. Of x and y it follows x, backs up, and has two samples below y; of y and y it has two below the
    first and, where both are wrong, two below the second; below x there is nothing. Without back-off it succeeds only
    below the first of y and y.
    """
    q = 1 - (1 - RIGHT) ** 2
    exact, without = 0.5 * q + 0.25 * (1 - (1 - q) ** 2), 0.25 * q
    assert within(successes(BackOff(n=2, branch=2)), exact)
    assert within(successes(BackOff(n=2, branch=2, backups=0)), without)
    assert within(successes(BackOff(n=2, branch=2, threshold=0.0)), without)
    assert not within(without, exact)


@pytest.mark.slow
def test_searches_are_independent() -> None:
    q = 1 - (1 - RIGHT) ** 2
    alone = 0.5 * q + 0.25 * (1 - (1 - q) ** 2)
    assert within(successes(BackOff(n=4, branch=2), 200), 1 - (1 - alone) ** 2, 200)


@pytest.mark.parametrize(("n", "branch"), [(8, 2), (9, 4), (3, 4)])
def test_where_every_step_is_good_it_is_dvts(n: int, branch: int) -> None:
    def grown(searcher: Searcher) -> list[object]:
        tree = run(searcher, Toy(3, 4), ToyScorer(3, 4, error=1.0), seed=7)
        return [(node.path, node.score, node.text(), node.stats) for node in tree.nodes()]

    assert grown(BackOff(n, branch, threshold=0.0)) == grown(DVTS(n, branch))
    assert grown(BackOff(n, branch, threshold=0.9)) != grown(DVTS(n, branch))


TREE = world(
    place("a", place("c", leaf(1), leaf(2)), place("d", leaf(3), leaf(4))),
    place("b", place("e", leaf(5), leaf(6)), place("f", leaf(7), leaf(8))),
)


@pytest.mark.parametrize(
    ("c", "f", "backups", "path", "left"),
    [
        (0.6, 0.1, 8, ["a", "ac"], []),  # greedy
        (0.4, 0.7, 8, ["a", "b", "bf"], ["a"]),  # back to b
        (0.4, 0.1, 8, ["a", "ac", "b"], ["a"]),  # nothing good is left: the best poor one of all
        (0.4, 0.7, 0, ["a", "ac"], []),  # may not back up
    ],
)
def test_what_it_follows(c: float, f: float, backups: int, path: list[str], left: list[str]) -> None:
    scores = {"a": 0.9, "b": 0.8, "c": c, "d": 0.2, "e": 0.3, "f": f, **{f"\\boxed{{{i}}}": 0.9 for i in range(1, 9)}}
    tree = run(BackOff(n=2, branch=2, backups=backups), InTurn(root=TREE), by_text(scores))
    assert followed(tree) == path and backed_up(tree) == left


def test_it_backs_up_at_most_so_often() -> None:
    """Eight first steps are good, and nothing below any of them."""
    root = world(*(place(f"{i}", place("dead", leaf(1)), probability=1 / 8) for i in range(8)))
    scores = by_text({str(i): 0.9 for i in range(8)})
    for backups in (0, 3, 7, 20):
        tree = run(BackOff(n=8, branch=8, backups=backups), InTurn(root=root), scores)
        assert len(backed_up(tree)) == min(backups, 7)
        assert sum(node.depth == 1 for node in tree.nodes() if node.children) == min(backups, 7) + 1
        assert sum(leaf.finished for leaf in tree.leaves()) == 8


def test_it_ends_with_the_solution_that_it_follows_and_keeps_those_it_backed_up_from() -> None:
    root = world(place("a", leaf(1)), place("b", leaf(2)))
    tree = run(BackOff(n=2, branch=2), InTurn(root=root), by_text({"a": 0.9, "b": 0.8, "\\boxed{2}": 0.9}))
    assert {leaf.text()[0] for leaf in tree.leaves() if leaf.finished} == {"a", "b"} and backed_up(tree) == ["a"]


def test_cut_solutions_are_not_followed() -> None:
    policy = Short(root=world(place("a", place("c", leaf(1))), place("b", leaf(2))), limit=2)
    tree = run(BackOff(n=8, branch=8), policy, by_text({"a": 0.9, "b": 0.8, "c": 1.0, "\\boxed{2}": 0.9}), seed=1)
    assert tree.stopped == "done" and any(leaf.truncated for leaf in tree.leaves())
    assert any("{2}" in leaf.text() for leaf in tree.leaves())
    only = Short(root=place("", place("on", place("on", leaf(1)))), limit=2)
    assert run(BackOff(), only, by_text({"on": 0.5})).stopped == "done"


@pytest.mark.parametrize("kind", [Kind.OUTCOME, Kind.RANKING])
def test_a_threshold_needs_comparable_scores(kind: Kind) -> None:
    with pytest.raises(KindError, match=f"back-off.*{kind}; it takes: correctness, value, additive"):
        run(BackOff(), Toy(), by_text({}, kind))
