"""MCTS: priors, upper bounds and backups by hand, and how the kinds of score steer it."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from policies.toy import Toy
from search import MCTS, Beam, End, Extension, Kind, Node, Step, Tree
from search.algorithms.mcts import Backup, Prior
from search.algorithms.puct import puct
from tests.helpers import Counted, run
from tests.search.bandit import ALWAYS, ARMS, arm_value, visits
from tests.worlds import By, InTurn, Values, Walk, by_text, chain, leaf, place, world

# priors, upper bounds, backups


def test_priors() -> None:
    class Samples(Toy):
        """a, a, a, b at the root, and an answer below."""

        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: object) -> Extension:
            text = "1" if node.depth else "aaab"[node.stats["drawn"] - 1]
            logprobs = {"a": (-1.0, -3.0), "b": (-0.5, -0.5), "1": (0.0, 0.0)}[text]
            step = Step(text, (0,) * 2, logprobs, End.ANSWER if node.depth else End.DELIMITER)
            return (await super().extend(node, n, max_steps, [0]))._replace(continuations=((step,),))

    odds = math.exp(-2.0) / (math.exp(-2.0) + math.exp(-0.5))
    expected = {Prior.SHARE: [0.75, 0.25], Prior.UNIFORM: [0.5, 0.5], Prior.LOGPROB: [odds, 1 - odds]}
    for prior, shares in expected.items():
        tree = run(MCTS(4, prior=prior, widening=ALWAYS, in_flight=1), Samples(), By(lambda steps: 0.5))
        children = list(tree.root.children.values())
        assert [child.path for child in children] == [(0,), (3,)], "equal siblings merge into the first"
        assert [child.stats["count"] for child in children] == [3, 1]
        assert [child.stats["prior"] for child in children] == pytest.approx(shares)


def test_the_prior_decides_where_values_are_equal() -> None:
    """Visits of two arms of value one half approach their prior; the share is what the samples say."""
    counts = {}
    for prior in (Prior.SHARE, Prior.UNIFORM):
        root = world(chain("a", 1, leaf(1), 0.9), chain("b", 1, leaf(2), 0.1))
        tree = run(MCTS(400, prior=prior, in_flight=1), Walk(root=root), By(lambda steps: 0.5))
        by_text = {child.step.text: child for child in tree.root.children.values() if child.step}
        counts[prior] = [by_text[name].stats["visits"] / 400 for name in ("a0\n\n", "b0\n\n")]
        if prior is Prior.SHARE:
            share = by_text["a0\n\n"].stats["prior"]
            assert share == by_text["a0\n\n"].stats["count"] / tree.root.stats["drawn"]
            assert counts[prior][0] == pytest.approx(share, abs=0.02) and share > 0.75
    assert counts[Prior.UNIFORM][0] < 0.6


def test_upper_bounds_by_hand() -> None:
    """Q + c P sqrt(N) / (1 + n), with visits in flight among n, which leave Q as it is."""
    children = [(0.6, 0.5, 2), (0.6, 0.5, 3), (0.8, 0.25, 0), (0.8, 0.25, 1)]
    expected = [0.6 + 1.0, 0.6 + 0.75, 0.8 + 1.5, 0.8 + 0.75]
    assert [puct(*child, parent_visits=9, c=2.0) for child in children] == pytest.approx(expected)


@pytest.mark.parametrize(("backup", "expected"), [(Backup.MEAN, [0.6, 0.55, 0.7]), (Backup.MAX, [0.9, 0.9, 0.7])])
def test_backup_by_hand(backup: Backup, expected: list[float]) -> None:
    """Each visit draws: a leaf of value 0.9 below a, 0.7 below b, 0.2 below a."""
    a = place("a", leaf(1, 0.9, 0.5), leaf(2, 0.2, 0.5), probability=0.5)
    b = place("b", leaf(3, 0.7, 0.5), leaf(4, 0.2, 0.5), probability=0.5)
    tree = run(MCTS(3, widening=ALWAYS, backup=backup, in_flight=1), InTurn(root=world(a, b)), Values(root=world(a, b)))
    assert [tree.root.stats["visits"], *visits(tree)] == [3, 2, 1]
    values = {(0, 0): 0.9, (0, 1): 0.2, (1, 0): 0.7}
    assert {leaf.path: leaf.stats["q"] for leaf in tree.leaves()} == values
    assert [node.stats["q"] for node in (tree.root, *tree.root.children.values())] == pytest.approx(expected)


def test_an_unvisited_child_has_its_own_value_or_that_of_its_parent() -> None:
    """Two children of equal prior that no simulation has visited yet, under a root of value 0.5."""
    for kind, scores, taken in (
        (Kind.VALUE, (0.1, 0.9), [0, 1]),
        (Kind.VALUE, (0.9, 0.1), [1, 0]),
        (Kind.ADDITIVE, (0.1, 0.9), [1, 0]),  # a sum over fewer steps says nothing: the first of equals
    ):
        tree = Tree("q")
        for name, score in zip("ab", scores, strict=True):
            child = tree.root.add(tree.root.reserve(1).start, Step(f"{name}0\n\n", ("ab".index(name),), (0.0,)))
            child.score, child.birth = score, tree.ledger
            child.stats |= {"prior": 0.5, "count": 1}
        tree.root.stats |= {"drawn": 2}
        run(MCTS(1, in_flight=1), InTurn(root=ARMS), arm_value(0.6, 0.5, kind), tree=tree)
        assert [child.stats.get("visits", 0) for child in tree.root.children.values()] == taken, kind


def test_it_finds_the_one_good_leaf_where_greedy_goes_wrong() -> None:
    """The trap looks better for two steps; the one good leaf lies behind steps that look worse."""
    trap = place(
        "trap",
        *(place(f"t{i}", leaf(0, 0.0, 0.5), leaf(0, 0.0, 0.5), probability=1 / 3) for i in range(3)),
        probability=0.5,
    )
    good = place(
        "good",
        *(place(f"g{i}", leaf(0, 0.0, 0.5), leaf(1 if i == 2 else 0, 0.0, 0.5), probability=1 / 3) for i in range(3)),
        probability=0.5,
    )
    root = world(trap, good)
    scorer = by_text(
        {"trap": 0.6, "t0": 0.5, "t1": 0.5, "t2": 0.5, "good": 0.5, "g0": 0.3, "g1": 0.3, "g2": 0.3, "\\boxed{1}": 1.0}
    )
    greedy = run(Beam(n=8, branch=8), InTurn(root=root), scorer)
    assert {node.text().split()[-1] for node in greedy.leaves()} == {"\\boxed{0}"}
    for in_flight in (1, 4):
        tree = run(MCTS(100, in_flight=in_flight), InTurn(root=root), scorer)
        best = max(tree.leaves(), key=lambda node: node.score or 0)
        assert best.text() == "good\n\ng2\n\n\\boxed{1}"
        assert best.stats["visits"] == max(leaf.stats["visits"] for leaf in tree.leaves()), "and has most votes"


# kinds of score


def test_two_identical_arms_of_additive_scores_get_equal_visits() -> None:
    """+0.1 a step. Backed up over different depths, the arm that was visited first had 116 of 128 visits to 11."""
    other = leaf(3, 0.0, 0.1)
    root = world(chain("a", 6, leaf(1), 0.45), chain("b", 6, leaf(2), 0.45), other)
    for increment in (0.1, -0.1):
        scorer = By(lambda steps, by=increment: 0.0 if steps[0].text == "\\boxed{3}" else by, Kind.ADDITIVE)
        for simulations in (32, 128):
            tree = run(MCTS(simulations, in_flight=1), InTurn(root=root), scorer)
            arms = visits(tree)[:2]
            assert abs(arms[0] - arms[1]) <= 2 and tree[0,].stats["q"] == pytest.approx(7 * increment), arms
            # The samples come in turn, so that the third arm has the same share.
            better = increment < 0
            assert (visits(tree)[2] > max(arms)) == better


def test_an_additive_score_is_scaled_over_the_tree() -> None:
    """The same bandit in other units takes the same visits. Two leaves, once seen, are the ends of the scale."""
    firsts = {"a0": 0.6, "b0": 0.5, "\\boxed{3}": 0.0, "\\boxed{4}": 1.0}
    root = world(*(leaf(i, 0.0, 0.25) for i in (3, 4)), chain("a", 4, leaf(1), 0.25), chain("b", 4, leaf(2), 0.25))
    plain = By(lambda steps: firsts[steps[0].text.strip()])
    scaled = By(lambda steps: 50 * firsts[steps[0].text.strip()] - 7 if len(steps) == 1 else 0.0, Kind.ADDITIVE)
    searcher = MCTS(100, c_puct=3.0, in_flight=1)
    trees = [run(searcher, InTurn(root=root), scorer) for scorer in (plain, scaled)]
    assert visits(trees[0]) == visits(trees[1]) and min(visits(trees[0])) > 2
    assert [child.stats["q"] for child in trees[1].root.children.values()] == pytest.approx([-7, 43, 23, 18])


def test_a_ranking_counts_among_siblings_and_backs_up_nothing() -> None:
    """a is preferred to b at the root. What the steps below are called says nothing of the steps above."""
    scores = {"a0": 30.0, "b0": 10.0} | {f"{arm}{depth}": 0.0 for arm in "ab" for depth in range(1, 4)}
    scores |= {"\\boxed{1}": -1e9, "\\boxed{2}": 1e9}
    tree = run(MCTS(2, widening=ALWAYS, c_puct=0.0, in_flight=1), InTurn(root=ARMS), by_text(scores, Kind.RANKING))
    assert visits(tree) == [1, 1]
    tree = run(MCTS(100, c_puct=0.3, in_flight=1), InTurn(root=ARMS), by_text(scores, Kind.RANKING))
    assert visits(tree)[0] > 75 and sum(visits(tree)) == 100
    assert not any("q" in node.stats for node in [tree.root, *tree.nodes()])


def test_an_outcome_scorer_is_asked_about_leaves_alone() -> None:
    root = world(place("a", leaf(1), probability=0.5), place("b", leaf(2), probability=0.5))
    scorer = By(lambda steps: 40.0 if steps[-1].text == "\\boxed{2}" else -3.0, Kind.OUTCOME)
    counted = Counted(scorer)
    tree = run(MCTS(60, in_flight=1), InTurn(root=root), counted)
    assert tree[1,].stats["q"] == 40.0 and tree[0,].stats["q"] == -3.0
    assert visits(tree)[1] > 45 and sum(visits(tree)) == 60
    assert all((node.score is not None) == node.finished for node in tree.born())
    assert sorted(set(counted.prefixes)) == [("a\n\n", "\\boxed{1}"), ("b\n\n", "\\boxed{2}")]


def test_under_an_outcome_scorer_a_leaf_that_was_cut_counts_a_visit_and_no_value() -> None:
    root = world(chain("a", 9, leaf(1), 0.5), place("b", leaf(2), probability=0.5))
    scorer = By(lambda steps: 0.7, Kind.OUTCOME)
    tree = run(MCTS(40, in_flight=1), Cut(root=root), scorer)
    (cut,) = [leaf for leaf in tree.leaves() if leaf.truncated]
    assert cut.stats["visits"] > 1 and "q" not in cut.stats and cut.score is None
    assert tree.root.stats["q"] == pytest.approx(0.7)
    assert tree.root.stats["backed_up"] == 40 - cut.stats["visits"]


class Cut(InTurn):
    """Its solutions are cut at three steps."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], *ask: Any) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds, *ask)
        if node.depth < 2:
            return extension
        ((step,),) = extension.continuations
        return extension._replace(continuations=((Step(step.text, step.token_ids, step.logprobs, End.MAX_STEPS),),))
