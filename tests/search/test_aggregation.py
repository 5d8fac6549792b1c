"""Searchers that make solutions from solutions, on policies that read their prompt in a known way."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from search import PDR, RSA, Budget, End, GenSelect, KnobError, Node, Refinement, Rule, Selection, Step, Tree
from search.protocols import GO_ON, Ask, Extension
from search.solve import Searcher
from search.tree.cost import Cost
from search.tree.randomness import generator
from tests.helpers import run
from tests.worlds import Short, Walk, by_text, leaf, place, world

SCORES = by_text({})
ALL: list[Searcher] = [RSA(6, 3, 2), PDR(6, 2), Refinement(6, 2), GenSelect(6, 3, 5)]


@dataclass(frozen=True)
class Reader:
    """Writes 1 with probability `right`, else 2 or 3; of sources, the answer that most have, the first of equals.

    Told `distil` or `critique`, it names that answer; told `select`, the first solution that has it.
    """

    right: float = 0.6
    asked: list[Ask] = field(default_factory=list[Ask], compare=False)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        self.asked.append(ask)
        texts = [self._text(ask, generator(seed)) for seed in seeds]
        steps = tuple((Step(text, (1, 2, 3), (-0.1,) * 3, End.EOS),) for text in texts)
        return Extension(steps, Cost(3 * n, 2 + sum(source.depth for source in ask.sources), calls=1, flops=1.0))

    def _text(self, ask: Ask, rng: np.random.Generator) -> str:
        if not ask.sources:
            shares = [self.right, *[(1 - self.right) / 2] * 2]
            return f"\\boxed{{{rng.choice([1, 2, 3], p=shares)}}}"
        answers = [re.findall(r"\d", source.text())[0] for source in ask.sources]
        most = Counter(answers).most_common(1)[0][0]
        if ask.action == "select":
            return f"Solution 1 errs. Best: Solution {answers.index(most) + 1}."
        return f"most say {most}" if ask.action in ("distil", "critique") else f"\\boxed{{{most}}}"


def last(tree: Tree, action: str) -> list[Node]:
    return [node for node in tree.nodes() if node.step is not None and node.step.action == action]


def test_an_aggregator_that_is_right_where_most_of_its_sources_are_is_right_as_often_as_it_must() -> None:
    """One solution of three samples: a majority, the first of equals: .6^3 + 3 .6^2 .4 + .6 .4^2 / 2 = .696."""
    exact = 0.6**3 + 3 * 0.6**2 * 0.4 + 0.6 * 0.4**2 / 2
    trees = [run(RSA(3, 3, 1), Reader(), SCORES, seed=seed) for seed in range(200)]
    first = [last(tree, "aggregate")[0] for tree in trees]
    assert all(len(node.sources) == 3 and len(set(node.sources)) == 3 for node in first)
    measured = np.mean(["{1}" in node.text() for node in first])
    assert abs(measured - exact) < 4 * (exact * (1 - exact) / 200) ** 0.5


@pytest.mark.parametrize(
    ("searcher", "counts"),
    [
        (RSA(6, 3, 2), {"": 6, "aggregate": 12}),
        (PDR(6, 2), {"": 6, "distil": 2, "refine": 12}),
        (Refinement(6, 2), {"": 6, "critique": 12, "refine": 12}),
        (GenSelect(6, 3, 5), {"": 6, "select": 5}),
    ],
)
def test_who_reads_whom_and_who_votes(searcher: Searcher, counts: dict[str, int]) -> None:
    policy = Reader()
    tree = run(searcher, policy, SCORES, seed=3)
    assert Counter(node.step.action for node in tree.nodes() if node.step) == counts
    remarks = [node for name in ("distil", "critique", "select") for node in last(tree, name)]
    assert all(node.birth is not None and node.score is None for node in remarks)
    solutions = {node.text() for node in tree.nodes()} - {node.text() for node in remarks}
    assert tree.ledger.scorer_calls == len(solutions), "no scorer judges a remark"
    assert tree.ledger.generated_tokens == 3 * len(list(tree.nodes()))
    votes = Selection(Rule.MAJORITY)(tree).votes
    expected = 5 if isinstance(searcher, GenSelect) else 6
    assert sum(vote.weight for vote in votes) == pytest.approx(expected)
    again = Tree.loads(tree.dumps())
    assert again.to_json() == tree.to_json()


def test_a_refinement_is_written_from_a_solution_and_its_critique() -> None:
    tree = run(Refinement(2, 1), Reader(), SCORES, seed=1)
    first, second = last(tree, "refine")
    critiques = {node.path: node for node in last(tree, "critique")}
    for node in (first, second):
        old, critique = node.sources
        assert critiques[critique].sources == (old,)


def test_the_readings_of_genselect_are_its_votes() -> None:
    tree = run(GenSelect(4, 4, 3), Reader(), SCORES, seed=5)
    answers = Counter(leaf.text() for leaf in tree.leaves() if "boxed" in leaf.text())
    (vote,) = [vote for vote in Selection(Rule.MAJORITY)(tree).votes if vote.weight]
    assert vote.weight == 3 and answers[f"\\boxed{{{vote.answer}}}"] == max(answers.values())


@pytest.mark.parametrize("searcher", ALL)
def test_a_budget_that_ends_within_a_round_leaves_the_votes_of_the_last(searcher: Searcher) -> None:
    tree = run(searcher, Reader(), SCORES, Budget(generated_tokens=27), seed=2)
    assert tree.ledger.generated_tokens <= 27 and Selection(Rule.MAJORITY)(tree).answer is not None


@pytest.mark.parametrize("searcher", ALL)
def test_a_policy_that_reads_nothing_is_refused(searcher: Searcher) -> None:
    with pytest.raises(KnobError, match="takes no request with sources"):
        run(searcher, Walk(root=world(leaf(1))), SCORES)


@pytest.mark.parametrize("searcher", ALL)
def test_where_nothing_finishes_nothing_is_read(searcher: Searcher) -> None:
    tree = run(searcher, Short(root=world(place("on", leaf(1))), limit=1), SCORES)
    assert tree.stopped == "done" and len(tree.root.children) == 6 and all(leaf.truncated for leaf in tree.leaves())
