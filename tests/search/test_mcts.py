"""MCTS: visits, values, priors and backups by hand, and how the kinds of score steer it."""

import asyncio
import math
from typing import Any

import pytest

from policies.toy import Toy
from search import MCTS, Beam, End, Extension, Kind, Node, Step, Tree, solve
from search.algorithms.mcts import Backup, Prior, Value
from search.algorithms.puct import puct
from tests.helpers import Counted, run
from tests.worlds import By, Short, Values, Walk, by_text, chain, leaf, place, world

ARMS = world(chain("a", 40, leaf(1), 0.5), chain("b", 40, leaf(2), 0.5))
"""A bandit: two arms of constant value, each a chain without an end in sight."""


def arm_value(a: float, b: float) -> By:
    return By(lambda steps: a if steps[0].text.startswith("a") else b)


def visits(tree: Tree) -> list[int]:
    return [child.stats["visits"] for child in tree.root.children.values() if "visits" in child.stats]


def test_visits_of_a_bandit_by_hand() -> None:
    """c = 1, P = 1/2, values 0.6 and 0.5. Upper bounds Q + P sqrt(N) / (1 + n) of a and b, and who is taken:

    N=1: 1.100 1.000 a;  2: 0.954 1.207 b;  3: 1.033 0.933 a;  4: 0.933 1.000 b;
    N=5: 0.973 0.873 a;  6: 0.906 0.908 b;  7: 0.931 0.831 a;  8: 0.883 0.854 a
    """
    policy, scorer = Walk(root=ARMS, enumerates=True), arm_value(0.6, 0.5)
    expected = ["", "a", "ab", "aba", "abab", "ababa", "ababab", "abababa", "abababaa"]
    for simulations, taken in enumerate(expected, start=1):
        tree = run(MCTS(simulations, branch=2, in_flight=1), policy, scorer)
        assert visits(tree) == [taken.count("a"), taken.count("b")], simulations
        assert tree.root.stats["visits"] == simulations


@pytest.mark.parametrize(("values", "c"), [((0.6, 0.5), 1.0), ((0.9, 0.1), 1.0), ((0.2, 0.3), 0.3), ((0.7, 0.4), 1.0)])
def test_visits_of_a_bandit_follow_puct(values: tuple[float, float], c: float) -> None:
    counts = [0, 0]
    for total in range(1, 21):
        bounds = [v + c * 0.5 * math.sqrt(total) / (1 + n) for v, n in zip(values, counts, strict=True)]
        counts[bounds.index(max(bounds))] += 1
        search_ = MCTS(total + 1, branch=2, c_puct=c, in_flight=1)
        assert visits(run(search_, Walk(root=ARMS, enumerates=True), arm_value(*values))) == counts
    assert min(counts) > 0


def test_upper_bounds_by_hand() -> None:
    """Q n / (n + f) + c P sqrt(N) / (1 + n + f), with f visits in flight; an unvisited child's own Q counts as one."""
    children = [(0.6, 0.5, 2, 0), (0.6, 0.5, 2, 1), (0.8, 0.25, 0, 0), (0.8, 0.25, 0, 1)]
    expected = [0.6 + 1.0, 0.4 + 0.75, 0.8 + 1.5, 0.4 + 0.75]
    assert [puct(*child, parent_visits=9, c=2.0) for child in children] == pytest.approx(expected)


@pytest.mark.parametrize(("c", "taken"), [(1.0, {(0,), (1,), (2,), (3,)}), (0.0, {(0,), (1,), (2,)})])
def test_virtual_loss_keeps_simulations_apart(c: float, taken: set[tuple[int, ...]]) -> None:
    """Four in flight before any comes back. Without exploration the Q of a, b, c and d alone decide:

    0.7 0.4 0.3 0.2 a;  0.35 0.4 0.3 0.2 b;  0.35 0.2 0.3 0.2 a, which is waited for;  0.23 0.2 0.3 0.2 c
    """

    class Held(Walk):
        async def extend(self, node: Node, *request: Any, **named: Any) -> Extension:
            if node.depth:
                asked.append(node.path)
                for _ in range(50):
                    await asyncio.sleep(0)
                first.update(first or asked)
            return await super().extend(node, *request, **named)

    asked, first = list[tuple[int, ...]](), set[tuple[int, ...]]()
    root = world(*(chain(name, 40, leaf(1), 0.25) for name in "abcd"))
    scorer = By(lambda steps: {"a": 0.7, "b": 0.4, "c": 0.3, "d": 0.2}[steps[0].text[0]])
    run(MCTS(5, branch=4, c_puct=c, in_flight=4), Held(root=root, enumerates=True), scorer)
    assert first == taken


def test_priors() -> None:
    class Samples(Toy):
        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: object) -> Extension:
            texts = "aaab"[:n]
            steps = [
                (Step(text, (0,) * 2, {"a": (-1.0, -3.0), "b": (-0.5, -0.5)}[text], End.DELIMITER),) for text in texts
            ]
            return (await super().extend(node, n, max_steps, [0] * n))._replace(continuations=tuple(steps))

    odds = math.exp(-2.0) / (math.exp(-2.0) + math.exp(-0.5))
    expected = {Prior.SHARE: [0.75, 0.25], Prior.UNIFORM: [0.5, 0.5], Prior.LOGPROB: [odds, 1 - odds]}
    for prior, shares in expected.items():
        grown = Tree("q")
        search_ = MCTS(1, branch=4, prior=prior)

        class Stop(Exception):
            pass

        with pytest.raises(Stop):  # before the best path is completed, which this policy cannot
            asyncio.run(
                solve("q", search_, Counted(Samples(), fail_at=2, failure=Stop()), By(lambda steps: 0.5), tree=grown)
            )
        children = list(grown.root.children.values())
        assert [child.path for child in children] == [(0,), (3,)], "identical siblings merge into the first"
        assert [child.stats["count"] for child in children] == [3, 1]
        assert [child.stats["prior"] for child in children] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("backup", "expected"), [(Backup.MEAN, [0.5, 0.65, 0.5, 0.7]), (Backup.MAX, [0.8, 0.8, 0.5, 0.7])]
)
def test_backup_by_hand(backup: Backup, expected: list[float]) -> None:
    """One chain: values 0.2, 0.8 and 0.5 are backed up; the last, unvisited one has its own, 0.7."""
    scorer = by_text({"a0": 0.2, "a1": 0.8, "a2": 0.5, "a3": 0.7})
    grown = Tree("q")
    policy = Counted(Walk(root=world(chain("a", 9, leaf(1)))), fail_at=5)
    with pytest.raises(RuntimeError):
        run(MCTS(4, branch=2, backup=backup, in_flight=1), policy, scorer, tree=grown)
    assert [node.stats["q"] for node in grown.nodes()] == pytest.approx(expected)
    assert [node.stats["visits"] for node in [grown.root, *grown.nodes()]] == [4, 3, 2, 1, 0]
    assert grown.root.stats["q"] == pytest.approx(0.5 if backup is Backup.MEAN else 0.8)


def test_a_rollouts_value_is_its_leafs() -> None:
    root = world(place("a", chain("ax", 2, leaf(1, 0.25)), probability=0.5), place("b", leaf(2, 0.75), probability=0.5))
    policy = Counted(Walk(root=root, enumerates=True))
    tree = run(MCTS(4, branch=2, value=Value.ROLLOUT, in_flight=1), policy, Values(root=root))
    # The root's own rollout follows its first branch; then b, whose value is higher; then b's leaf, then a.
    assert policy.nodes == [((), 2, 1), ((), 1, None), ((1,), 2, 1), ((1,), 1, None), ((0,), 2, 1), ((0,), 1, None)]
    assert tree.root.stats["q"] == pytest.approx((0.25 + 0.75 + 0.75 + 0.25) / 4)
    assert [tree[i,].stats["q"] for i in (0, 1)] == pytest.approx([0.25, 0.75])
    assert [node.path for node in tree.nodes() if node.stats.get("rollout")] == [(0, 2), (1, 2), (2,)]
    assert tree.ledger.samples == 1 + 3  # the two finished samples of b's expansion are one leaf


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
    policy = Walk(root=root, enumerates=True)
    greedy = run(Beam(n=3, branch=3), policy, scorer)
    assert {node.text().split()[-1] for node in greedy.leaves()} == {"\\boxed{0}"}
    for in_flight in (1, 4):
        tree = run(MCTS(20, branch=6, in_flight=in_flight), policy, scorer)
        assert max(tree.leaves(), key=lambda node: node.score or 0).text() == "good\n\ng2\n\n\\boxed{1}"


def test_truncated_leaves_are_backed_up_and_never_expanded() -> None:
    policy = Counted(Short(root=ARMS, enumerates=True, limit=3))
    tree = run(MCTS(100, branch=2, in_flight=1), policy, arm_value(0.6, 0.5))
    assert tree.root.stats["visits"] == 7 and len(policy.nodes) == 5
    assert [node.path for node in tree.leaves()] == [(0, 0, 0), (1, 0, 0)] and tree.ledger.samples == 2


def test_the_best_path_is_completed_where_no_leaf_is_finished() -> None:
    policy = Counted(Walk(root=ARMS, enumerates=True))
    tree = run(MCTS(1, branch=2), policy, arm_value(0.5, 0.6))
    assert policy.nodes == [((), 2, 1), ((1,), 1, None)]
    (end,) = tree.leaves()
    assert end.finished and end.path[:1] == (1,) and tree.ledger.samples == 1
    assert tree.ledger.generated_tokens == 2 + 40 and end.birth is not None
    ties = run(MCTS(1, branch=2), Walk(root=ARMS, enumerates=True), arm_value(0.5, 0.5))
    assert ties.leaves()[0].path[0] == 0


def test_an_additive_score_is_scaled_over_the_tree() -> None:
    """The same bandit in other units takes the same visits. Two leaves, once seen, are the ends of the scale."""
    firsts = {"a0": 0.6, "b0": 0.5, "\\boxed{3}": 0.0, "\\boxed{4}": 1.0}
    root = world(chain("a", 40, leaf(1), 0.25), chain("b", 40, leaf(2), 0.25), *(leaf(i, 0.0, 0.25) for i in (3, 4)))
    plain = By(lambda steps: firsts[steps[0].text.strip()])
    scaled = By(lambda steps: 50 * firsts[steps[0].text.strip()] - 7 if len(steps) == 1 else 0.0, Kind.ADDITIVE)
    search_ = MCTS(20, branch=4, in_flight=1)
    trees = [run(search_, Walk(root=root, enumerates=True), scorer) for scorer in (plain, scaled)]
    assert visits(trees[0]) == visits(trees[1]) and min(visits(trees[0])[:2]) > 2


def test_a_ranking_counts_among_siblings() -> None:
    scores = {"a0": 30.0, "b0": 10.0} | {f"{arm}{depth}": 0.0 for arm in "ab" for depth in range(1, 40)}
    tree = run(MCTS(2, branch=2, in_flight=1), Walk(root=ARMS, enumerates=True), by_text(scores, Kind.RANKING))
    assert [child.stats["q"] for child in tree.root.children.values()] == [0.75, 0.25]
    assert tree[0, 0].stats["q"] == 0.5 and visits(tree) == [1, 0]


def test_an_outcome_scorer_works_through_rollouts() -> None:
    root = world(place("a", leaf(1), probability=0.5), place("b", leaf(2), probability=0.5))
    scorer = By(lambda steps: 40.0 if steps[-1].text == "\\boxed{2}" else -3.0, Kind.OUTCOME)
    counted = Counted(scorer)
    tree = run(MCTS(6, branch=2, value=Value.ROLLOUT, in_flight=1), Walk(root=root, enumerates=True), counted)
    assert visits(tree)[:2] == [2, 2] and tree[1,].stats["q"] == 40.0 and tree[0,].stats["q"] == -3.0
    assert all((node.score is not None) == node.finished for node in tree.born())
    assert sorted(set(counted.prefixes)) == [("a\n\n", "\\boxed{1}"), ("b\n\n", "\\boxed{2}")]
