"""MCTS: visits, widening, leaves and simulations in flight, by hand."""

import asyncio
import math
from typing import Any

import pytest

from policies.toy import Toy
from search import MCTS, End, Extension, Node, Step, Tree
from tests.helpers import Counted, run
from tests.search.bandit import ALWAYS, ARMS, arm_value, taken, visits
from tests.worlds import By, InTurn, Short, Walk, chain, leaf, place, world

# visits and widening


def test_visits_of_a_bandit_by_hand() -> None:
    """c = 1, values 0.6 and 0.5. The root draws a sample where drawn < sqrt(visits): visits 0, 2, 5, 10 before.

    Samples come a, b, a, b. Elsewhere Q + P sqrt(N) / (1 + n):
    N=0: draws a.  N=1: drawn 1, not < 1: a alone, a.   N=2: draws b.
    N=3: P = 1/2: a 0.6 + 0.866/3 = 0.889, b 0.5 + 0.866/2 = 0.933: b.
    N=4: drawn 2, not < 2: a 0.6 + 1/3 = 0.933, b 0.5 + 1/3 = 0.833: a.   N=5: draws a.
    N=6: P = 2/3, 1/3, n = 4, 2: a 0.6 + 1.633/5 = 0.927, b 0.5 + 0.816/3 = 0.772: a.
    N=7: n = 5, 2: a 0.6 + 1.764/6 = 0.894, b 0.5 + 0.882/3 = 0.794: a.
    N=8: n = 6, 2: a 0.6 + 1.886/7 = 0.869, b 0.5 + 0.943/3 = 0.814: a.
    N=9: drawn 3, not < 3; n = 7, 2: a 0.6 + 2/8 = 0.85, b 0.5 + 1/3 = 0.833: a.   N=10: draws b.
    """
    expected = "aabbaaaaaab"
    for simulations in range(1, len(expected) + 1):
        policy = Counted(InTurn(root=ARMS))
        tree = run(MCTS(simulations, in_flight=1), policy, arm_value(0.6, 0.5))
        taken = expected[:simulations]
        assert visits(tree) == [n for n in (taken.count("a"), taken.count("b")) if n], simulations
        assert tree.root.stats["visits"] == simulations
        drawn = sum(place < simulations for place in (0, 2, 5, 10))
        assert tree.root.stats["drawn"] == sum(path == () for path, _, _ in policy.nodes) == drawn
        assert [child.stats["count"] for child in tree.root.children.values()] == [
            n for n in (drawn - drawn // 2, drawn // 2) if n
        ]


@pytest.mark.parametrize("widening", [0.3, 1.0, 2.0])
def test_a_node_of_v_visits_has_drawn_about_widening_times_the_root_of_v(widening: float) -> None:
    for seed in range(3):
        tree = run(MCTS(200, widening=widening, in_flight=1), Toy(4, 3), By(lambda steps: 0.5), seed=seed)
        inner = [node for node in [tree.root, *tree.nodes()] if node.open]
        for node in inner:
            before = node.stats["visits"] - 1  # it is asked before each visit
            assert node.stats["drawn"] == max(1, math.ceil(widening * math.sqrt(before))), node
            assert node.stats["drawn"] == sum(child.stats["count"] for child in node.children.values())
        assert max(node.stats["drawn"] for node in inner) > 3


@pytest.mark.parametrize("probability", [0.97, 0.9, 0.7])
@pytest.mark.parametrize("simulations", [16, 64, 1024])
def test_no_tree_is_exhausted(probability: float, simulations: int) -> None:
    """Five steps, four choices, of which one has most of the probability: 64 and 1,024 simulations used 9 of them."""
    rest = (1 - probability) / 3
    below = tuple(leaf(i, i / 4, p) for i, p in enumerate((probability, rest, rest, rest)))
    for depth in range(4):
        below = tuple(
            place(f"{depth}.{i}", *below, probability=p) for i, p in enumerate((probability, rest, rest, rest))
        )
    tree = run(MCTS(simulations), Walk(root=world(*below)), By(lambda steps: 0.5))
    assert tree.root.stats["visits"] == simulations and tree.stopped == "done"
    leaves = tree.leaves()
    assert sum(leaf.stats["visits"] for leaf in leaves) == simulations and all(leaf.finished for leaf in leaves)


def test_every_simulation_goes_down_to_a_leaf() -> None:
    tree = run(MCTS(1, in_flight=1), Toy(3, 5), By(lambda steps: 0.5))
    assert [node.path for node in tree.nodes()] == [(0,) * depth for depth in range(1, 6)]
    assert tree.ledger.samples == 1 and tree.leaves()[0].finished


def test_equal_texts_at_one_node_are_one_child_whichever_request_they_came_from() -> None:
    for in_flight in (1, 4, 16):
        policy = Counted(Walk(root=world(chain("a", 3, leaf(1)))))
        tree = run(MCTS(64, widening=ALWAYS, in_flight=in_flight), policy, By(lambda steps: 0.5))
        assert [node.stats["count"] for node in tree.nodes()] == [64] * 4 and policy.asked == 4 * 64
        assert all(n == 1 for _, n, _ in policy.nodes)


def test_an_open_step_and_a_finished_one_of_equal_text_are_two_children() -> None:
    class Both(Toy):
        async def extend(self, node: Node, n: int, *request: Any, **named: Any) -> Extension:
            end = End.ANSWER if node.depth or len(node.children) else End.DELIMITER
            return (await super().extend(node, 1, 1, [0]))._replace(continuations=((Step("1", (0,), (0.0,), end),),))

    tree = run(MCTS(9, in_flight=1), Both(), By(lambda steps: 0.5))
    assert [(child.open, child.step and child.step.text) for child in tree.root.children.values()] == [
        (True, "1"),
        (False, "1"),
    ]


# leaves


def test_truncated_leaves_are_backed_up_and_never_expanded() -> None:
    policy = Counted(Short(root=ARMS, limit=3))
    tree = run(MCTS(100, in_flight=1), policy, arm_value(0.6, 0.5))
    assert tree.root.stats["visits"] == 100 and max(len(path) for path, _, _ in policy.nodes) == 2
    assert tree.root.stats["q"] == pytest.approx(sum(0.6 if p == 0 else 0.5 for p in taken(tree)) / 100)
    assert all(leaf.truncated for leaf in tree.leaves()[:-1]) and tree.stopped == "done"


def test_a_step_of_a_solution_that_the_budget_completed_is_a_child_like_others() -> None:
    """It was asked for as part of a whole solution, and stands for one sample."""
    tree = Tree("q")
    node = tree.root.add(tree.root.reserve(1).start, Step("a0\n\n", (0,), (0.0,)))
    below = node
    for depth in (1, 2):
        below = below.add(below.reserve(1).start, Step(f"a{depth}\n\n", (0,), (0.0,)))
    end = below.add(below.reserve(1).start, Step("\\boxed{1}", (0,), (0.0,), End.ANSWER))
    for each in end.line():
        each.score, each.birth = 0.6, tree.ledger
    run(MCTS(30, in_flight=1), InTurn(root=ARMS), arm_value(0.6, 0.5), tree=tree)
    assert visits(tree)[0] > 10 and (node.stats["count"], tree.root.stats["drawn"]) == (1 + 3, 6)
    assert tree.root.stats["visits"] == 30 == sum(visits(tree))


# in flight


@pytest.mark.parametrize(("c", "taken"), [(8.0, [0, 1, 2, 3]), (2.0, [0, 0, 1, 0]), (0.0, [0, 0, 0, 0])])
def test_simulations_in_flight_keep_apart_by_their_visits(c: float, taken: list[int]) -> None:
    """Four in flight below a root whose four children are known and which does not widen.

    Without exploration the Q of a, b, c and d alone decide: 0.7 0.4 0.3 0.2.
    With c = 2, P = 1/4 and N = 4, 5, 6, 7, each with 1 visit and those in flight:
    1.20 0.90 0.80 0.70 a;  1.07 0.96 0.86 0.76 a;  1.01 1.01 0.91 0.81 b, by 0.006;  1.03 0.84 0.96 0.86 a
    With c = 8 it takes one after the other.
    """

    class Held(InTurn):
        async def extend(self, node: Node, *request: Any, **named: Any) -> Extension:
            if armed and node.depth == 1:
                asked.append(node.index)
                for _ in range(50):
                    await asyncio.sleep(0)
                first.extend(() if first else asked)
            return await super().extend(node, *request, **named)

    armed, asked, first = list[int](), list[int](), list[int]()
    root = world(*(chain(name, 3, leaf(1), 0.25) for name in "abcd"))
    scorer = By(lambda steps: {"a": 0.7, "b": 0.4, "c": 0.3, "d": 0.2}[steps[0].text[0]])
    policy, tree = Held(root=root), Tree("q")
    run(MCTS(4, widening=ALWAYS, in_flight=1), policy, scorer, tree=tree)
    assert visits(tree) == [1, 1, 1, 1]
    tree.root.stats["drawn"] = 10**9  # enough for the root
    armed.append(1)
    run(MCTS(4, widening=ALWAYS, c_puct=c, in_flight=4), policy, scorer, tree=tree)
    assert first == taken


def test_visits_in_flight_count_in_the_widening() -> None:
    """One child, one visit, one sample; then 8 at once: the root has 1 + f visits, f in flight before.

    f = 1: drawn 1 < sqrt(2): draws.   f = 4: drawn 2 < sqrt(5): draws.   f = 7: drawn 3, not < sqrt(8).
    """

    class Held(InTurn):
        async def extend(self, node: Node, *request: Any, **named: Any) -> Extension:
            asked.append(node.depth)
            if armed:
                for _ in range(50):
                    await asyncio.sleep(0)
                first.extend(() if first else asked)
            return await super().extend(node, *request, **named)

    armed, asked, first = list[int](), list[int](), list[int]()
    policy, tree = Held(root=ARMS), Tree("q")
    run(MCTS(1), policy, arm_value(0.6, 0.5), tree=tree)
    armed.append(1)
    asked.clear()
    run(MCTS(8, in_flight=8), policy, arm_value(0.6, 0.5), tree=tree)
    assert first.count(0) == 2
