"""Beam search: brute force, the width of its levels, equal candidates, when it ends, bounds."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

import search.algorithms.actions
from policies.engines.world import Place
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Beam, BestOfN, Grower, Kind, Node, ParticleFilter, Reduction, Tree, solve
from search.algorithms.levels import best, extend_each, shares
from tests.helpers import Counted, Delayed, run
from tests.worlds import By, InTurn, Short, Walk, by_text, chain, leaf, leaves, place, world


def kept(tree: Tree) -> list[list[tuple[int, ...]]]:
    """The paths that were continued, by level."""
    return [[node.path for node in event.data["kept"]] for event in tree.events("beam")]


def texts(tree: Tree, paths: Sequence[tuple[int, ...]]) -> list[str]:
    return [tree[path].text() for path in paths]


def levels(tree: Tree) -> list[int]:
    """How many candidates each level had."""
    return list(Counter(node.depth for node in tree.nodes()).values())


def test_where_every_candidate_goes_on_it_is_a_particle_filter_that_never_resamples() -> None:
    """One continuation of each of n candidates, however good they are: the same draws, the same tree."""
    for seed in range(5):
        beam, free = (
            run(searcher, Toy(3, 5), ToyScorer(3, 5), seed=seed)
            for searcher in (Beam(n=12, branch=1), ParticleFilter(n=12, threshold=0.0))
        )
        assert {n.path: (n.step, n.score) for n in beam.nodes()} == {n.path: (n.step, n.score) for n in free.nodes()}
        assert len(beam.leaves()) == 12


@pytest.mark.parametrize(("branch", "depth"), [(3, 4), (2, 5)])
def test_a_beam_as_wide_as_the_world_finds_its_best_solution(branch: int, depth: int) -> None:
    """Against brute force, where the scorer knows the best solution below each step."""
    policy = InTurn(root=Toy(branch, depth).world)

    def best_below(place: Place) -> float:
        return max(map(best_below, place.children)) if place.children else place.value

    scorer = By(lambda steps: best_below(policy.world.after(steps)))
    tree = run(Beam(n=branch**depth, branch=branch), policy, scorer)
    assert max(leaf.score or 0 for leaf in tree.leaves()) == max(place.value for _, _, place in leaves(policy.world))
    assert tree.ledger.samples == branch**depth


@pytest.mark.parametrize("n", [4, 8])
def test_each_level_keeps_the_candidates_of_highest_value(n: int) -> None:
    """Level by level against a reference of a few lines, on an enumerating world."""
    policy = Toy(4, 4, world_seed=3, enumerates=True)
    tree = run(Beam(n=n, branch=4), policy, ToyScorer(4, 4, world_seed=3))
    level = [policy.world.children[index % 4] for index in range(n)]
    for number, paths in enumerate(kept(tree)):
        survivors = sorted(level, key=lambda child: -child.value)[: n // 4]
        assert [tree[path].score for path in paths] == [place.value for place in survivors], number
        level = [place.children[index % 4] for place in survivors for index in range(n // len(survivors))]
    assert len(kept(tree)) == 3


def test_levels_are_barriers(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Counted(Delayed(Toy(enumerates=True), seed=1))
    scorer = Counted(Delayed(ToyScorer(), seed=2))

    async def watched(grow: Grower, nodes: Sequence[Node], widths: Sequence[int], steps: int) -> list[Node]:
        assert policy.pending == scorer.pending == 0
        return await extend_each(grow, nodes, widths, steps)

    monkeypatch.setattr(search.algorithms.actions, "extend_each", watched)
    asyncio.run(solve("q", Beam(n=9, branch=3), policy, scorer))
    depths = [len(path) for path, _, _ in policy.nodes]
    assert depths == sorted(depths) == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_every_level_has_n_candidates_whatever_the_policy_repeats() -> None:
    """Top choice 0.9, 256 candidates, branch 4: where equal ones counted once, the levels had 256, 16, 23, 31, ..."""

    def below(depth: int) -> list[Place]:
        if depth == 8:
            return [leaf(i, i / 4, p) for i, p in enumerate((0.9, 0.05, 0.03, 0.02))]
        children = below(depth + 1)
        return [place(f"{depth}.{i}", *children, probability=p) for i, p in enumerate((0.9, 0.05, 0.03, 0.02))]

    root = world(*below(1))
    tree = run(Beam(n=256, branch=4), Walk(root=root), By(lambda steps: 0.5))
    assert levels(tree) == [256] * 8 and sum(node.finished for node in tree.leaves()) == 256
    assert all(len(paths) == 64 for paths in kept(tree))


def test_equal_candidates_count_as_often_as_they_came() -> None:
    """Half of the level is b, which is better: the half that goes on is b, and none of it a."""
    root = world(chain("a", 2, leaf(1), 0.5), chain("b", 2, leaf(2), 0.5))
    scorer = by_text({"a0": 0.5, "a1": 0.5, "b0": 0.9, "b1": 0.1})
    tree = run(Beam(n=8, branch=2), InTurn(root=root), scorer)
    assert texts(tree, kept(tree)[0]) == ["b0\n\n"] * 4 and kept(tree)[0] == [(1,), (3,), (5,), (7,)]
    tree = run(Beam(n=3, branch=1), InTurn(root=root), scorer)
    assert texts(tree, kept(tree)[0]) == ["b0\n\n", "a0\n\n", "a0\n\n"], "those of highest value first"


@pytest.mark.parametrize(("n", "branch", "widths"), [(6, 4, [6]), (7, 2, [3, 2, 2]), (5, 2, [3, 2]), (2, 4, [2])])
def test_n_need_be_no_multiple_of_branch(n: int, branch: int, widths: list[int]) -> None:
    """n / branch, rounded down, go on; the best of them get the continuations that do not come out even."""
    policy = Counted(Toy(10, 3))
    tree = run(Beam(n=n, branch=branch), policy, ToyScorer(10, 3))
    assert [count for _, count, _ in policy.nodes] == [n, *widths * 2] and levels(tree) == [n] * 3
    first = [tree[path].score or 0 for path in kept(tree)[0]]
    assert first == sorted(first, reverse=True) and len(first) == len(widths)


def test_n_in_equal_shares() -> None:
    for n in range(1, 40):
        for among in range(1, 40):
            parts = shares(n, among)
            assert len(parts) == among and sum(parts) == n and max(parts) - min(parts) <= 1
            assert parts == sorted(parts, reverse=True)


def test_a_level_of_one_open_candidate_is_full_again_at_the_next() -> None:
    """Three of four candidates finish at once; the last one gets all four continuations."""
    on = chain("on", 9, leaf(9), 0.25)
    root = world(leaf(1, 0.0, 0.25), leaf(2, 0.0, 0.25), leaf(3, 0.0, 0.25), on)
    policy = Counted(InTurn(root=root))
    tree = run(Beam(n=4, branch=2), policy, By(lambda steps: 0.5))
    assert [(path, n) for path, n, _ in policy.nodes][:2] == [((), 4), ((3,), 4)]
    assert levels(tree) == [4] * 10 and tree.ledger.samples == 3 + 4


def test_it_ends_after_the_level_in_which_n_have_finished() -> None:
    """Level 1: two of four finish, the first of two equal ones goes on. Level 2: two more finish; it could go on."""
    on = chain("on", 9, leaf(9), 0.5)
    root = world(leaf(1, 0.0, 0.5), place("go", leaf(7, 0.0, 0.5), on, probability=0.5))
    policy = Counted(Walk(root=root, enumerates=True))
    tree = run(Beam(n=4, branch=4), policy, by_text({"go": 0.1, "on0": 0.1}))
    assert [path for path, _, _ in policy.nodes] == [(), (1,)]
    assert [node.path for node in tree.leaves()] == [(0,), (1, 0), (1, 2), (2,)]
    assert tree.stopped == "done" and tree.ledger.samples == 4


def test_it_ends_with_an_empty_frontier() -> None:
    tree = run(Beam(n=6, branch=3), Short(root=world(chain("a", 9, leaf(1))), limit=2), By(lambda steps: 0.5))
    # Two of six went on; the first of the others was completed in the end, for the lack of a finished leaf.
    assert [node.path for node in tree.leaves()] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert all(node.truncated for node in tree.leaves()) and tree.stopped == "done"


def test_equal_values_go_to_the_earlier_candidate() -> None:
    root = world(*(chain(name, 2, leaf(1), 0.25) for name in "abcd"))
    tree = run(Beam(n=4, branch=2), Walk(root=root, enumerates=True), By(lambda steps: 0.5))
    assert kept(tree)[0] == [(0,), (1,)]
    assert best(np.array([0.1, 0.5, 0.5, 0.9, 0.5]), 3) == [3, 1, 2]


def test_the_reduction_decides_which_candidates_are_continued() -> None:
    scores = {"a0": 0.9, "a1": 0.3, "b0": 0.4, "b1": 0.5}
    root = world(chain("a", 3, leaf(1), 0.5), chain("b", 3, leaf(2), 0.5))
    winner = {}
    for reduction in (Reduction.LAST, Reduction.MIN, Reduction.MEAN, Reduction.PRODUCT):
        tree = run(Beam(n=2, branch=1, reduction=reduction), Walk(root=root, enumerates=True), by_text(scores))
        winner[reduction] = texts(tree, kept(tree)[1])[0][0]
    assert winner == {Reduction.LAST: "b", Reduction.MIN: "b", Reduction.MEAN: "a", Reduction.PRODUCT: "a"}


def test_a_ranking_counts_among_all_siblings() -> None:
    """The open child of a ranks last, behind two finished siblings; that of b ranks first."""
    root = world(
        place("a", leaf(1, probability=0.3), leaf(2, probability=0.3), chain("ax", 2, leaf(5), 0.4), probability=0.5),
        place("b", leaf(3, probability=0.3), leaf(4, probability=0.3), chain("bx", 2, leaf(6), 0.4), probability=0.5),
    )
    scores = {"a": 1.0, "b": 1.0, "ax0": -5.0, "bx0": -50.0}
    scores |= {f"\\boxed{{{answer}}}": value for answer, value in {1: 5.0, 2: 6.0, 3: -60.0, 4: -70.0}.items()}
    tree = run(Beam(n=6, branch=3), InTurn(root=root), by_text(scores, Kind.RANKING))
    assert texts(tree, kept(tree)[0]) == ["a\n\n", "b\n\n"], "equal, and the earlier ones"
    assert [tree[path].text().split()[-1] for path in kept(tree)[1]] == ["bx0", "ax0"]


def test_one_candidate_a_level_is_a_single_sample() -> None:
    greedy, single = (run(searcher, Toy(), ToyScorer(), seed=5) for searcher in (Beam(n=1), BestOfN(n=1)))
    assert greedy.ledger.samples == single.ledger.samples == 1 and len(kept(greedy)) == 3
