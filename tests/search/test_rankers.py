"""Scorers that rank siblings: one request a parent, checked, and a beam by their order."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from search import (
    Beam,
    Cost,
    End,
    Grower,
    Kind,
    Scored,
    ScoreError,
    Step,
    Tree,
)
from tests.helpers import run
from tests.search.asked import OPEN, Asked


@dataclass
class Ranks:
    """Ranks siblings by the number in their text; keeps what it was asked."""

    kind: Kind = Kind.RANKING

    def __post_init__(self) -> None:
        self.asked: list[list[str]] = []

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        raise AssertionError("a ranker is asked by rank")

    async def rank(self, question: str, paths: Sequence[Sequence[Step]]) -> Scored:
        self.asked.append(["".join(step.text for step in path) for path in paths])
        return Scored([float(path[-1].text) for path in paths], Cost(calls=1, flops=1.0))


def test_siblings_are_ranked_in_one_request_a_parent() -> None:
    steps = [Step(text, (index,), (0.0,)) for index, text in enumerate("31")]
    tree, ranks = Tree("q"), Ranks()

    async def main(grow: Grower) -> None:
        first = await grow.extend(grow.root, 2)
        grandchildren = [await grow.sample(node, 2) for node in first]
        await grow.score(*grandchildren[0], *grandchildren[1])
        (later,) = await grow.sample(grow.root)
        deeper = await grow.sample(later, 2)  # its parent is ranked first, by itself
        await grow.score(*deeper)

    asyncio.run(main(Grower(tree, Asked(steps), ranks)))
    assert ranks.asked == [["3", "1"], ["33", "31"], ["13", "11"], ["3"], ["33", "31"]]
    assert [node.score for node in tree.nodes()] == [3, 3, 1, 1, 3, 1, 3, 3, 1]
    assert tree.ledger.scorer_calls == 5 and all(node.birth for node in tree.nodes())


def test_a_beam_by_a_ranker_keeps_the_first() -> None:
    steps = [Step(text, (index,), (0.0,), End.ANSWER) for index, text in enumerate(["1", "7", "5"])]
    tree, ranks = run(Beam(n=3, branch=3), Asked(steps), ranks := Ranks()), ranks
    assert len(ranks.asked) == 1 and max(tree.leaves(), key=lambda leaf: leaf.score or 0).path == (1,)


@pytest.mark.parametrize(
    ("scores", "message"),
    [([1.0], "returned 1 scores for 2 steps"), ([1.0, math.nan], "returned nan for step 2 of 2")],
)
def test_what_a_ranker_returns_is_checked(scores: list[float], message: str) -> None:
    class Wrong(Ranks):
        async def rank(self, question: str, paths: Sequence[Sequence[Step]]) -> Scored:
            return Scored(scores, Cost())

    with pytest.raises(ScoreError, match=message):
        run(Beam(n=2, branch=2), Asked([OPEN]), Wrong())


def test_a_method_rank_needs_the_kind_ranking() -> None:
    with pytest.raises(ScoreError, match="Ranks has a method rank, but its kind is value; declare ranking"):
        run(Beam(n=2, branch=2), Asked([OPEN]), Ranks(Kind.VALUE))
