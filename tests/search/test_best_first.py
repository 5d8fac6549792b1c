"""Best-first search: known probabilities of success, the order of its expansions by replay, and when it ends."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import BestFirst, Budget, Kind, KindError, Node, Reduction, Rule, Selection, Tree
from search.algorithms import best_first
from tests.helpers import run
from tests.search.right_path import RIGHT, successes
from tests.worlds import InTurn, Short, Walk, by_text, leaf, place, world


def expanded(tree: Tree) -> list[Node]:
    """The nodes in the order in which they were continued; none of them twice but the root."""
    firsts = [next(iter(node.children.values())) for node in [tree.root, *tree.nodes()] if node.children]
    return [child.parent or tree.root for child in sorted(firsts, key=lambda child: child.birth or tree.ledger)]


@pytest.mark.parametrize("branch", [3, 4])
def test_it_finds_the_right_path_as_often_as_it_must(branch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries right first steps until one has a right continuation, and then draws `branch` leaves below that.

    Each of the first steps is right and has a right continuation by 0.3 q, where q = 1 - 0.7^branch: it succeeds by
    (1 - (1 - 0.3 q)^branch) q. 150 runs; within 4 standard errors. Where all values are alike, it falls outside.
    """
    q = 1 - (1 - RIGHT) ** branch
    exact = (1 - (1 - RIGHT * q) ** branch) * q
    error = math.sqrt(exact * (1 - exact) / 150)
    searcher = BestFirst(n=1, branch=branch)
    assert abs(successes(searcher, 150) - exact) < 4 * error
    if branch == 4:
        monkeypatch.setattr(best_first, "level_values", lambda nodes, kind, values: np.zeros(len(nodes)))
        assert successes(searcher, 150) < exact - 4 * error


def test_it_goes_back_to_what_looks_better() -> None:
    root = world(
        place("a", place("c", leaf(1)), place("d", leaf(2))), place("b", place("e", leaf(3)), place("f", leaf(4)))
    )

    def order(below_a: float) -> list[str]:
        scores = {"a": 0.9, "c": 0.2, "d": below_a, "b": 0.5, "e": 0.1, "f": 0.8}
        tree = run(BestFirst(n=2, branch=2), InTurn(root=root), by_text(scores))
        return [node.text().replace("\n\n", "") for node in expanded(tree)]

    assert order(below_a=0.6) == ["", "a", "ad"]
    assert order(below_a=0.4) == ["", "a", "b", "bf"]


@pytest.mark.parametrize("reduction", [Reduction.LAST, Reduction.PRODUCT])
@pytest.mark.parametrize("seed", range(3))
def test_every_expansion_is_of_the_best_open_node(seed: int, reduction: Reduction) -> None:
    tree = run(BestFirst(n=20, branch=3, reduction=reduction), Toy(3, 4), ToyScorer(3, 4, error=1.5), seed=seed)
    order = expanded(tree)
    assert len(order) > 8
    queue: list[Node] = [tree.root]
    for node in order:
        best = max((_value(each, reduction), each.depth) for each in queue)
        assert (_value(node, reduction), node.depth) == best
        queue.remove(node)
        queue += [child for child in node.children.values() if child.open]
        assert len(node.children) == 3
    assert sum(leaf.finished for leaf in tree.leaves()) in range(20, 23)


def _value(node: Node, reduction: Reduction) -> float:
    return node.value(reduction) or 0.0


def test_where_nothing_is_open_it_begins_anew_at_the_root() -> None:
    tree = run(BestFirst(n=10, branch=4), Walk(root=world(leaf(1, 1.0, 0.5), leaf(2, 0.0, 0.5))), by_text({}))
    assert len(tree.root.children) == 12 and tree.ledger.policy_calls == 3 and tree.stopped == "done"


def test_with_one_continuation_it_writes_one_solution_after_the_other() -> None:
    tree = run(BestFirst(n=7, branch=1), Toy(3, 4), ToyScorer(3, 4))
    assert len(tree.root.children) == len(tree.leaves()) == tree.ledger.samples == 7
    assert tree.ledger.generated_tokens == 28


def test_a_smaller_search_is_the_beginning_of_a_larger_one() -> None:
    def votes(tree: Tree, budget: Budget | None = None) -> list[tuple[str, float]]:
        return [(vote.answer, vote.weight) for vote in Selection(Rule.WEIGHTED)(tree, budget).votes]

    sizes = (1, 4, 9, 20)
    trees = [run(BestFirst(n=n), Toy(3, 4), ToyScorer(3, 4, error=1.0), seed=4) for n in sizes]
    for small, large in pairwise(trees):
        budget = Budget(generated_tokens=small.ledger.generated_tokens)
        assert {node.path for node in small.nodes()} == {node.path for node in large.born(budget)}
        assert votes(small) == votes(large, budget)


def test_a_search_that_goes_broad_ends() -> None:
    """Values that fall with every step: all nodes of a level are continued before any of the next."""
    falling: dict[str, Any] = {f"step {i}": 0.5 for i in range(3)}
    tree = run(
        BestFirst(n=1, branch=3, expansions=10, reduction=Reduction.PRODUCT), Toy(3, 6), by_text(falling), seed=1
    )
    assert [node.depth for node in expanded(tree)[:10]] == [0, 1, 1, 1] + [2] * 6
    assert tree.stopped == "done" and tree.ledger.policy_calls == 11  # `solve` completes the best one
    assert sum(leaf.finished for leaf in tree.leaves()) == 1


def test_of_equal_values_the_deeper_comes_first() -> None:
    tree = run(BestFirst(n=4, branch=3), Toy(3, 4), by_text({f"step {i}": 0.5 for i in range(3)}))
    assert [node.depth for node in expanded(tree)] == [0, 1, 2, 3, 3]


def test_cut_solutions_count() -> None:
    policy = Short(root=place("on", place("on", place("on", leaf(1)))), limit=2)
    tree = run(BestFirst(n=5, branch=2), policy, by_text({"on": 0.5}))
    assert tree.stopped == "done" and all(leaf.truncated for leaf in tree.leaves() if not leaf.open)
    assert tree.ledger.samples >= 5


def test_an_outcome_scorer_judges_no_steps() -> None:
    with pytest.raises(KindError, match="best-first"):
        run(BestFirst(), Toy(), by_text({}, Kind.OUTCOME))
