"""One thought, and the answers that follow from its beginnings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from search import (
    Again,
    Ask,
    Budget,
    End,
    Extension,
    KnobError,
    Node,
    Rule,
    Selection,
    Step,
    ThinkingBudget,
    Tree,
    solve,
)
from search.conformance import check_searcher
from search.protocols import ANSWER, GO_ON
from search.tree.cost import Cost
from tests.worlds import UNEVEN, Values, Walk


@dataclass(frozen=True)
class Thinker:
    """Thinks 4 tokens a step, `steps` of them; the answer after k steps is k."""

    steps: int = 5
    tokens: int = 4

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        within = node.step is None or (node.step.thought and node.step.end is End.DELIMITER)
        if within and ask.action != ANSWER:
            end = End.THOUGHT if node.depth + 1 == self.steps else End.DELIMITER
            steps = [Step("hm\n\n", (1,) * self.tokens, (), end, thought=True)]
        else:
            steps = [Step(f"\\boxed{{{node.thoughts}}}", (2, 3), (), End.ANSWER)]
        if max_steps is None and steps[0].open:
            raise AssertionError("a thought is asked for step by step")
        return Extension((tuple(steps),), Cost(generated=sum(step.generated for step in steps)))


class One(Values):
    def __init__(self) -> None:
        super().__init__(root=UNEVEN)

    async def score(self, question: str, steps: Sequence[Step], since: int):  # pyright: ignore[reportIncompatibleMethodOverride]
        from search.protocols import Scored

        return Scored([0.5] * len(steps[since:]), Cost())


def run(searcher: ThinkingBudget, policy: Thinker = Thinker()) -> Tree:
    return asyncio.run(solve("q", searcher, policy, One()))


def test_the_answer_is_asked_for_at_each_budget_and_the_thought_is_written_once():
    tree = run(ThinkingBudget(tokens=16, every=8))
    assert [(leaf.text(), leaf.thoughts) for leaf in tree.leaves()] == [("\\boxed{2}", 2), ("\\boxed{4}", 4)]
    assert tree.ledger.generated_tokens == 16 + 2 * 2
    assert Selection()(tree).answer == "4"


def test_a_smaller_budget_has_the_answer_of_a_shorter_thought():
    tree = run(ThinkingBudget(tokens=100, every=4))
    answers = {spent: Selection()(tree, Budget(generated_tokens=spent)).answer for spent in (5, 6, 11, 12, 30)}
    assert answers == {5: None, 6: "1", 11: "1", 12: "2", 30: "5"}, "charged: the answers before it, too"


def test_a_thought_that_ends_by_itself_is_followed_by_its_answer():
    tree = run(ThinkingBudget(tokens=100), Thinker(steps=3))
    assert [leaf.text() for leaf in tree.leaves()] == ["\\boxed{3}"]
    assert tree.ledger.generated_tokens == 3 * 4 + 2


def test_steps_longer_than_the_distance_of_two_answers_are_refused():
    with pytest.raises(KnobError, match=r"policy\.thinking_steps=3"):
        run(ThinkingBudget(tokens=100, every=3))


def test_a_policy_that_does_not_think_writes_one_solution():
    tree = asyncio.run(solve("q", ThinkingBudget(), Walk(root=UNEVEN), Values(root=UNEVEN)))
    assert len(tree.leaves()) == 1


def test_it_keeps_the_promises_of_a_searcher():
    check_searcher(ThinkingBudget())


def test_each_round_has_a_thought_of_its_own():
    tree = asyncio.run(solve("q", Again(ThinkingBudget(), times=3, sure=1), Walk(root=UNEVEN), Values(root=UNEVEN)))
    assert len(tree.root.children) == len(tree.leaves()) == 3
    assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 3
