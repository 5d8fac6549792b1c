"""A thought in a tree: no box of it counts, and a scorer that is not told to reads what follows it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from search import Beam, BestOfN, ParticleFilter, Reduction, Rule, Selection, solve
from search.protocols import Extension, Scored
from search.tree import Node, Tree
from search.tree.cost import Cost
from search.tree.scores import Kind
from search.tree.step import End, Step
from search.tree.values import Values

THOUGHT = Step("<think>\n\\boxed{5}?\n\nNo.\n\n</think>", (1, 2), (-1.0, -1.0), End.THOUGHT, thought=True)
WORK = Step("2 + 2 is 4.\n\n", (3,), (-1.0,), End.DELIMITER)
ANSWER = Step("\\boxed{4}", (4,), (-1.0,), End.ANSWER)


@dataclass(frozen=True)
class Thinker:
    """Thinks, works and answers."""

    line: tuple[Step, ...] = (THOUGHT, WORK, ANSWER)

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        steps = self.line[node.depth :][:max_steps]
        return Extension((steps,) * n, Cost(generated=n * sum(step.generated for step in steps)))


@dataclass
class Recorder:
    """Scores each step it is shown, and keeps what that was."""

    kind: Kind = Kind.CORRECTNESS
    thoughts: bool = False
    seen: list[tuple[tuple[str, ...], int]] = field(default_factory=list)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        self.seen.append((tuple(step.text for step in steps), since))
        return Scored([0.8 if self.kind is Kind.CORRECTNESS else 1.5] * len(steps[since:]), Cost())


def test_no_box_of_a_thought_is_an_answer():
    tree = asyncio.run(solve("2 + 2 =", BestOfN(2), Thinker(), Recorder()))
    assert Selection(Rule.MAJORITY)(tree).answer == "4"
    leaf = tree.leaves()[0]
    assert leaf.text() == "2 + 2 is 4.\n\n\\boxed{4}"
    assert leaf.thought() == THOUGHT.text
    assert leaf.token_ids() == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", [Kind.CORRECTNESS, Kind.ADDITIVE])
def test_a_scorer_reads_what_follows_the_thought(kind: Kind):
    scorer = Recorder(kind)
    tree = asyncio.run(solve("2 + 2 =", BestOfN(1), Thinker(), scorer))
    assert scorer.seen == [((WORK.text, ANSWER.text), 0)]
    assert [node.score is None for node in tree.leaves()[0].line()] == [True, False, False]


def test_a_scorer_that_reads_thoughts_is_given_them():
    scorer = Recorder(thoughts=True)
    tree = asyncio.run(solve("2 + 2 =", BestOfN(1), Thinker(), scorer))
    assert scorer.seen == [((THOUGHT.text, WORK.text, ANSWER.text), 0)]
    assert tree.leaves()[0].value(Reduction.PRODUCT) == pytest.approx(0.8**3)


@pytest.mark.parametrize("searcher", [Beam(n=4, branch=2), ParticleFilter(n=4)])
@pytest.mark.parametrize("kind", [Kind.CORRECTNESS, Kind.ADDITIVE])
def test_step_searchers_go_through_thoughts(searcher: object, kind: Kind):
    scorer = Recorder(kind)
    tree = asyncio.run(solve("2 + 2 =", searcher, Thinker(), scorer))  # pyright: ignore[reportArgumentType]
    assert Selection()(tree).answer == "4"
    assert all(THOUGHT.text not in texts for texts, _ in scorer.seen)
    assert {since for _, since in scorer.seen} == {0, 1}


def path(*steps: tuple[float | None, bool]) -> Node:
    node = Tree("q").root
    for score, thought in steps:
        node = node.add(node.reserve(1).start, Step("x", (1,), (-1.0,), thought=thought))
        node.score = score
    return node


@pytest.mark.parametrize(
    ("reduction", "value"),
    [(Reduction.LAST, 0.5), (Reduction.MIN, 0.5), (Reduction.MEAN, 0.7), (Reduction.PRODUCT, 0.45)],
)
def test_a_thought_without_a_score_is_left_out(reduction: Reduction, value: float):
    node = path((None, True), (None, True), (0.9, False), (0.5, False))
    assert node.value(reduction) == pytest.approx(value)
    assert Values(reduction)(node) == pytest.approx(value)


@pytest.mark.parametrize("reduction", list(Reduction))
def test_a_path_that_only_thinks_has_no_value(reduction: Reduction):
    node = path((None, True), (None, True))
    assert node.value(reduction) is None
    assert Values(reduction)(node) is None


@pytest.mark.parametrize("reduction", list(Reduction))
def test_a_missing_score_of_an_answer_is_missing(reduction: Reduction):
    node = path((None, True), (None, False), (0.5, False))
    assert node.value(reduction) == (0.5 if reduction is Reduction.LAST else None)
    assert Values(reduction)(node) == node.value(reduction)


def test_a_thought_that_has_a_score_counts():
    node = path((0.4, True), (0.8, False))
    assert node.value(Reduction.MIN) == Values(Reduction.MIN)(node) == 0.4


def test_a_solution_that_ends_within_its_thought_has_no_answer_and_spoils_no_vote():
    never = Step("<think>\n\\boxed{5}", (1, 9), (-1.0, -1.0), End.EOS, closing=1, thought=True)

    @dataclass(frozen=True)
    class Sometimes(Thinker):
        """The first request of a search gets no answer."""

        asked: list[int] = field(default_factory=list)

        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
            both = await super().extend(node, n, max_steps, seeds)
            self.asked.append(n)
            return both if len(self.asked) > 1 else both._replace(continuations=((never,), *both.continuations[1:]))

    for kind in (Kind.CORRECTNESS, Kind.ADDITIVE, Kind.OUTCOME):
        tree = asyncio.run(solve("2 + 2 =", BestOfN(3), Sometimes(), Recorder(kind)))
        for rule in (Rule.BEST, Rule.WEIGHTED, Rule.MAJORITY):
            (vote,) = Selection(rule)(tree).votes
            assert (vote.answer, len(vote.leaves)) == ("4", 2)
            assert vote.weight > 0


def test_thoughts_survive_a_file():
    tree = asyncio.run(solve("2 + 2 =", BestOfN(1), Thinker(), Recorder()))
    again = Tree.from_json(tree.to_json())
    assert [node.step for node in again.nodes()] == [node.step for node in tree.nodes()]
    assert again.leaves()[0].text() == tree.leaves()[0].text()
