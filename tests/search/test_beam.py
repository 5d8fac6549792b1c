"""Beam search: brute force, levels, distinct candidates, when it ends, bounds."""

import asyncio
import hashlib
from collections.abc import Sequence

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, BestOfN, Kind, Node, Reduction, Step, Tree, solve
from search.algorithms.beam import distinct
from tests.helpers import Counted, Delayed, run
from tests.worlds import By, Short, Walk, by_text, chain, leaf, leaves, place, world


def kept(tree: Tree) -> list[list[tuple[int, ...]]]:
    """The paths that were continued, by level."""
    return [[node.path for node in event.data["kept"]] for event in tree.events("beam")]


def texts(tree: Tree, paths: Sequence[tuple[int, ...]]) -> list[str]:
    return [tree[path].text() for path in paths]


@pytest.mark.parametrize(("branch", "depth"), [(3, 4), (2, 5)])
def test_at_full_width_it_is_brute_force(branch: int, depth: int) -> None:
    policy, scorer = Toy(branch, depth, enumerates=True), ToyScorer(branch, depth)
    tree = run(Beam(n=branch**depth, branch=branch), policy, scorer)
    found = {tuple(step.token_ids[0] for step in node.steps()): node.score for node in tree.leaves()}
    assert found == {path: place.value for path, _, place in leaves(policy.world)}
    assert tree.ledger.samples == branch**depth


@pytest.mark.parametrize("n", [4, 8])
def test_each_level_keeps_the_candidates_of_highest_value(n: int) -> None:
    """Level by level against a reference of a few lines, on an enumerating world."""
    policy = Toy(4, 4, world_seed=3, enumerates=True)
    tree = run(Beam(n=n, branch=4), policy, ToyScorer(4, 4, world_seed=3))
    frontier = [policy.world]
    for level, paths in enumerate(kept(tree)):
        candidates = list(dict.fromkeys(child for place in frontier for child in place.children))
        frontier = sorted(candidates, key=lambda child: -child.value)[: n // 4]
        assert [tree[path].score for path in paths] == [place.value for place in frontier], level
    assert len(kept(tree)) == 3


def test_levels_are_barriers() -> None:
    policy = Counted(Delayed(Toy(enumerates=True), seed=1))
    scorer = Counted(Delayed(ToyScorer(), seed=2))

    class Watched(Beam):
        async def _next_level(self, grow: object, kept: Sequence[Node]) -> list[Node]:
            assert policy.pending == scorer.pending == 0
            return await super()._next_level(grow, kept)  # type: ignore[arg-type]

    asyncio.run(solve("q", Watched(n=9, branch=3), policy, scorer))
    depths = [len(path) for path, _, _ in policy.nodes]
    assert depths == sorted(depths) == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_it_ends_after_the_level_in_which_n_have_finished() -> None:
    """Level 1: two of four finish, one distinct candidate goes on. Level 2: two more finish; one could still go on."""
    on = chain("on", 9, leaf(9), 0.5)
    root = world(leaf(1, 0.0, 0.5), place("go", leaf(7, 0.0, 0.5), on, probability=0.5))
    policy = Counted(Walk(root=root, enumerates=True))
    tree = run(Beam(n=4, branch=4), policy, by_text({"go": 0.1, "on0": 0.1}))
    assert [path for path, _, _ in policy.nodes] == [(), (1,)]
    assert [node.path for node in tree.leaves()] == [(0,), (1, 0), (1, 2), (2,)]
    assert tree.stopped == "done" and tree.ledger.samples == 4


def test_it_ends_with_an_empty_frontier() -> None:
    tree = run(Beam(n=6, branch=3), Short(root=world(chain("a", 9, leaf(1))), limit=2), By(lambda steps: 0.5))
    # Only one of six was distinct; the first of the others was completed in the end, for the lack of a finished leaf.
    assert [node.path for node in tree.leaves()] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert all(node.truncated for node in tree.leaves()) and tree.stopped == "done"


def test_only_distinct_candidates_are_continued() -> None:
    root = world(chain("a", 2, leaf(1), 0.5), chain("b", 2, leaf(2), 0.5))
    tree = run(
        Beam(n=8, branch=2), Walk(root=root, enumerates=True), by_text({"a0": 0.9, "b0": 0.1, "a1": 0.8, "b1": 0.2})
    )
    assert [texts(tree, level) for level in kept(tree)] == [["a0\n\n", "b0\n\n"], ["a0\n\na1\n\n", "b0\n\nb1\n\n"]]
    assert kept(tree)[0] == [(0,), (1,)]


def test_equal_values_go_to_the_lowest_path() -> None:
    root = world(*(chain(name, 2, leaf(1), 0.25) for name in "abcd"))
    tree = run(Beam(n=4, branch=2), Walk(root=root, enumerates=True), By(lambda steps: 0.5))
    assert kept(tree)[0] == [(0,), (1,)]


def test_a_branch_wider_than_n_is_n() -> None:
    policy = Counted(Toy(enumerates=True))
    run(Beam(n=2, branch=4), policy, ToyScorer())
    assert [n for _, n, _ in policy.nodes] == [2] * 4


def test_the_reduction_decides_which_candidates_are_continued() -> None:
    scores = {"a0": 0.9, "a1": 0.3, "b0": 0.4, "b1": 0.5}
    root = world(chain("a", 3, leaf(1), 0.5), chain("b", 3, leaf(2), 0.5))
    winner = {}
    for reduction in (Reduction.LAST, Reduction.MIN, Reduction.MEAN, Reduction.PRODUCT):
        tree = run(Beam(n=4, branch=2, reduction=reduction), Walk(root=root, enumerates=True), by_text(scores))
        winner[reduction] = texts(tree, kept(tree)[1])[0][0]
    assert winner == {Reduction.LAST: "b", Reduction.MIN: "b", Reduction.MEAN: "a", Reduction.PRODUCT: "a"}


def test_a_ranking_counts_among_all_siblings() -> None:
    """The open child of a ranks last, behind two finished siblings; that of b ranks first."""
    root = world(
        place("a", leaf(1, probability=0.3), leaf(2, probability=0.3), chain("ax", 2, leaf(5), 0.4), probability=0.5),
        place("b", leaf(3, probability=0.3), leaf(4, probability=0.3), chain("bx", 2, leaf(6), 0.4), probability=0.5),
    )
    scores = {"a": 1.0, "b": 2.0, "ax0": -5.0, "bx0": -50.0}
    scores |= {f"\\boxed{{{answer}}}": value for answer, value in {1: 5.0, 2: 6.0, 3: -60.0, 4: -70.0}.items()}
    tree = run(Beam(n=6, branch=3), Walk(root=root, enumerates=True), by_text(scores, Kind.RANKING))
    assert [tree[path].text().split()[-1] for path in kept(tree)[1]] == ["bx0", "ax0"]


def test_one_candidate_a_level_is_a_single_sample() -> None:
    greedy, single = (run(searcher, Toy(), ToyScorer(), seed=5) for searcher in (Beam(n=1), BestOfN(n=1)))
    assert greedy.ledger.samples == single.ledger.samples == 1 and len(kept(greedy)) == 3


def test_whole_texts_are_equal_wherever_their_steps_end() -> None:
    tree = Tree("q")
    above, level = {tree.root: hashlib.blake2b()}, [tree.root]
    for texts in ([["ab", "a", "\ud800"]], [["c"], ["bc", "b"], ["c"]]):
        level = [
            node.add(node.reserve(1).start, Step(text))
            for node, below in zip(level, texts, strict=True)
            for text in below
        ]
        above = distinct(level, above)
    assert [node.text() for node in above] == ["abc", "ab", "\ud800c"], "abc was cut in two ways"
