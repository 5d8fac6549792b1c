"""A second scorer: one guides, another chooses; in a search, and on trees of searches that have ended."""

import asyncio
import math
from typing import Any

import pytest

from search import (
    BestOfN,
    Budget,
    Kind,
    KindError,
    KnobError,
    Reduction,
    Rule,
    ScoreError,
    Selection,
    Tree,
    mark,
    solve,
)
from search.tree.cost import Cost
from search.tree.marks import last_mark, marking_costs
from tests.helpers import PARALLEL, run, timeless
from tests.worlds import By, Values, Walk, by_text, leaf, place, world

# The guide prefers answer 2, and the second scorer answer 1. Both solutions begin with the same step.
WORLD = world(place("a", leaf(1, 0.1, 0.5), leaf(2, 0.9, 0.5)))
GUIDE = Values(root=WORLD)
WALK = Walk(root=WORLD)
JUDGE = by_text({"a": 0.8, "\\boxed{1}": 0.7, "\\boxed{2}": 0.2})
OUTCOME = By(lambda steps: 3.0 if "1" in steps[-1].text else -1.0, Kind.OUTCOME)


def searched(second: Any = None, searcher: Any = None, guide: Any = GUIDE, budget: Budget | None = None) -> Tree:
    return asyncio.run(solve("question", searcher or BestOfN(8), WALK, guide, budget, second=second))


def test_the_second_scorer_chooses() -> None:
    tree = searched(JUDGE)
    count = {vote.answer: vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes}
    assert set(count) == {"1", "2"}
    assert Selection(Rule.BEST)(tree).answer == "2" and Selection(Rule.BEST, by="second")(tree).answer == "1"
    last = {vote.answer: vote.weight for vote in Selection(Rule.WEIGHTED, Reduction.LAST, "second")(tree).votes}
    assert last == pytest.approx({"1": 0.7 * count["1"], "2": 0.2 * count["2"]})
    product = {vote.answer: vote.weight for vote in Selection(Rule.BEST, Reduction.PRODUCT, "second")(tree).votes}
    assert product == pytest.approx({"1": 0.56, "2": 0.16}), "the whole path is kept"
    by = Selection(Rule.MAJORITY, by="second")(tree)
    assert {vote.answer: vote.weight for vote in by.votes} == count


def test_kind_and_reduction_are_those_of_the_scorer_that_chooses() -> None:
    guide = By(lambda steps: float(len(steps)), Kind.RANKING)
    tree = searched(OUTCOME, guide=guide)
    with pytest.raises(KindError, match="ranking"):
        Selection(Rule.WEIGHTED)(tree)
    assert Selection(Rule.WEIGHTED, by="second")(tree).answer == "1"
    with pytest.raises(KindError, match="reduction min is not defined for scores of kind outcome"):
        Selection(Rule.BEST, Reduction.MIN, "second")(tree)


@pytest.mark.parametrize("name", PARALLEL)
def test_the_search_is_the_same_and_pays_for_it(name: str) -> None:
    alone, both = (searched(second, PARALLEL[name]) for second in (None, JUDGE))
    assert [node.path for node in alone.nodes()] == [node.path for node in both.nodes()]
    marked = [leaf for leaf in both.leaves() if leaf.finished]
    assert marked and all(leaf.stats["marks"]["second"] == [0.8, last_mark(leaf, "second")] for leaf in marked)
    costs = marking_costs(both, "second")
    assert set(costs) == set(marked)
    solutions = {leaf.text() for leaf in marked}
    total = sum(costs.values(), Cost(calls=0, flops=0))
    assert (total.computed, total.calls) == (1 + len(solutions), len(solutions)), "the shared step is judged once"
    assert timeless(both.ledger) == timeless(alone.ledger.with_scorer(total))


def test_a_search_that_its_budget_stopped_is_marked_on_top_of_it() -> None:
    tree = searched(OUTCOME, budget=Budget(flops=12))
    assert tree.stopped == "budget" and (tree.ledger.flops or 0) > (
        max(l.birth.flops or 0 for l in tree.leaves() if l.birth)
    )
    assert Selection(Rule.BEST, by="second")(tree).answer is not None


def test_a_search_that_failed_or_was_cancelled_is_not_marked() -> None:
    asked: list[str] = []

    def score(steps: Any) -> float:
        asked.append(steps[-1].text)
        return 0.5

    tree = Tree("question")
    with pytest.raises(ScoreError):
        asyncio.run(solve("question", BestOfN(2), WALK, by_text({"a": math.nan}), tree=tree, second=By(score)))
    assert tree.stopped == "error" and not asked
    with pytest.raises(ScoreError, match="scorer second returned nan"):
        asyncio.run(solve("question", BestOfN(2), WALK, GUIDE, tree=Tree("question"), second=By(lambda _: math.nan)))


def test_a_tree_from_a_file_is_judged_anew() -> None:
    tree = Tree.loads(searched().dumps())
    before = tree.ledger
    with pytest.raises(KnobError, match="no scorer of that name has judged this tree"):
        Selection(by="rm")(tree)
    asyncio.run(mark(tree, "rm", JUDGE))
    assert tree.ledger.scorer_calls == before.scorer_calls + 2
    tree = Tree.loads(tree.dumps())
    assert Selection(Rule.BEST, by="rm")(tree).answer == "1"
    asyncio.run(mark(tree, "rm", by_text({"a": 1.0, "\\boxed{2}": 1.0})))
    assert Selection(Rule.BEST, by="rm")(tree).answer == "2", "the numbers of a name are those of its last scorer"
    with pytest.raises(ScoreError, match="scorer rm returned nan"):
        asyncio.run(mark(tree, "rm", By(lambda steps: math.nan if "2" in steps[-1].text else 0.5)))
    assert Selection(Rule.BEST, by="rm")(tree).answer == "2", "a failure leaves them as they were"
    with pytest.raises(KindError, match="scorer order ranks siblings"):
        asyncio.run(mark(tree, "order", By(lambda steps: 1.0, Kind.RANKING)))


def test_a_leaf_that_nobody_judged_is_named() -> None:
    tree = searched(JUDGE)
    del tree.leaves()[0].stats["marks"]["second"]
    with pytest.raises(KnobError, match=r"second, which has not judged leaf 0\.0"):
        Selection(by="second")(tree)


def test_one_name_is_one_scorer_of_a_search() -> None:
    class Twice:
        scale = "n"

        async def search(self, grow: Any) -> None:
            await BestOfN(1).search(grow)
            await grow.mark("rm", JUDGE, *grow.tree.leaves())
            await grow.mark("rm", OUTCOME, *grow.tree.leaves())

    with pytest.raises(KnobError, match="another scorer has marked nodes as rm"):
        run(Twice(), WALK, GUIDE)
