"""Diverse beam search: known probabilities of success, choices by brute force, and its relatives without diversity."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import DVTS, Beam, DiverseBeam, Kind, KindError, Node
from search.algorithms.levels import shares
from search.solve import Searcher
from tests.helpers import run
from tests.worlds import Short, Walk, by_text, leaf, place, world

# The step that looks a little better is wrong.
NEAR = world(place("fine", leaf(2), probability=0.5), place("dull", leaf(1), probability=0.5))
SCORES = {"fine": 0.6, "dull": 0.55}


def successes(searcher: Searcher, runs: int = 250) -> float:
    trees = [run(searcher, Walk(root=NEAR), by_text(SCORES), seed=seed) for seed in range(runs)]
    return sum(any("{1}" in leaf.text() for leaf in tree.leaves()) for tree in trees) / runs


def within(measured: float, exact: float, runs: int = 250) -> bool:
    """4 standard errors."""
    return abs(measured - exact) < 4 * math.sqrt(exact * (1 - exact) / runs)


def grown(searcher: Searcher, scorer: Any = None, policy: Any = None, seed: int = 7) -> list[Any]:
    tree = run(searcher, policy or Toy(3, 4), scorer or ToyScorer(3, 4, error=1.0), seed=seed)
    return [(node.path, node.score, node.text()) for node in tree.nodes()]


@pytest.mark.parametrize("groups", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_it_finds_the_right_step_as_often_as_it_must(groups: int) -> None:
    """Each beam keeps one of two candidates: `dull` where both are, or where one is and an earlier beam has `fine` more
    often than `dull`. Without diversity it keeps `dull` where both are.
    """
    without = 1 - 0.75**groups
    all_fine = 0.75 * 0.25 ** (groups - 1)  # the first keeps `fine` unless both are dull, the others where both are
    assert within(successes(DiverseBeam(2 * groups, 2, groups)), 1 - all_fine)
    assert within(successes(DiverseBeam(2 * groups, 2, groups, strength=0.0)), without)
    assert not within(without, 1 - all_fine)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "branch", "groups", "strength"), [(16, 2, 4, 0.1), (13, 3, 3, 0.3), (5, 4, 9, 2.0)])
def test_the_choices_are_those_of_brute_force(n: int, branch: int, groups: int, strength: float, seed: int) -> None:
    scorer = ToyScorer(3, 4, error=1.5)
    tree = run(DiverseBeam(n, branch, groups, strength), Toy(3, 4), scorer, seed=seed)
    level = list(tree.root.children.values())
    for event in tree.events("beam"):
        chosen, kept = Counter[str](), list[Node]()
        for width in shares(n, min(groups, n)):
            mine, level = [node for node in level[:width] if node.open], level[width:]
            lowered = [(node.score or 0.0) - strength * chosen[_text(node)] for node in mine]
            order = sorted(range(len(mine)), key=lowered.__getitem__, reverse=True)
            picked = [mine[place] for place in order[: max(1, width // branch)]]
            chosen.update(map(_text, picked))
            kept += picked
        assert event.data["kept"] == kept
        level = [child for node in kept for child in node.children.values()]
    assert len(tree.leaves()) >= n and len(tree.events("beam")) == 3


def _text(node: Node) -> str:
    return node.step.text if node.step else ""


@pytest.mark.parametrize("kind", [Kind.VALUE, Kind.CORRECTNESS, Kind.ADDITIVE, Kind.RANKING])
def test_one_group_is_a_beam(kind: Kind) -> None:
    scorer = by_text({"step 0": 0.3, "step 1": 0.8, "step 2": 0.6}, kind)
    assert grown(DiverseBeam(8, 2, groups=1), scorer) == grown(Beam(8, 2), scorer)


@pytest.mark.parametrize("seed", range(5))
def test_one_group_ends_when_a_beam_does(seed: int) -> None:
    """At each step a solution ends by 0.3, so that n have ended while others are open."""
    end = leaf(1)
    for name in "fedcba":
        end = place(name, leaf(2, probability=0.3), replace(end, probability=0.7))
    searchers, policy, scorer = (DiverseBeam(8, 2, groups=1), Beam(8, 2)), Walk(root=end), by_text({"d": 0.5})
    diverse, beam = (grown(searcher, scorer, policy, seed) for searcher in searchers)
    assert diverse == beam and len(beam[-1][0]) < 6


@pytest.mark.parametrize(("n", "groups", "branch"), [(8, 4, 2), (9, 2, 4), (3, 3, 1)])
def test_beams_that_keep_one_and_know_nothing_of_each_other_are_dvts(n: int, groups: int, branch: int) -> None:
    assert grown(DiverseBeam(n, branch, groups, strength=0.0)) == grown(DVTS(n, branch))


def test_with_a_large_strength_no_two_beams_keep_the_same_step_where_they_need_not() -> None:
    root = world(*(place(name, leaf(1), probability=1 / 3) for name in "abc"))
    scores = by_text({"a": 0.9, "b": 0.2, "c": 0.1})
    for seed in range(5):
        tree = run(DiverseBeam(60, 20, groups=3, strength=1.0), Walk(root=root), scores, seed=seed)
        (event,) = tree.events("beam")
        assert [node.text().strip() for node in event.data["kept"]] == ["a", "b", "c"]


def test_a_beam_ends_by_itself() -> None:
    """One beam has its share of solutions after the first step; the other goes on alone."""
    root = world(leaf(1, 1.0, 0.5), place("a", place("b", leaf(2)), probability=0.5))
    tree = next(
        tree
        for seed in range(200)
        if (tree := run(DiverseBeam(4, 2, groups=2), Walk(root=root), by_text({}), seed=seed))
        and [child.finished for child in tree.root.children.values()] == [True, True, False, False]
    )
    assert tree.stopped == "done" and [len(event.data["kept"]) for event in tree.events("beam")] == [1, 1]
    assert sum(leaf.finished for leaf in tree.leaves()) == 4


def test_cut_solutions_end_a_beam() -> None:
    policy = Short(root=place("", place("on", place("on", leaf(1)))), limit=2)
    tree = run(DiverseBeam(8, 2, 4), policy, by_text({"on": 0.5}))
    assert tree.stopped == "done" and all(leaf.truncated for leaf in tree.leaves() if not leaf.open)


def test_an_outcome_scorer_judges_no_steps() -> None:
    with pytest.raises(KindError, match="diverse beam"):
        run(DiverseBeam(), Toy(), by_text({}, Kind.OUTCOME))
