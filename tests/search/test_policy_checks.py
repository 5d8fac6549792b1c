"""What a policy returns is checked, and a request is passed on as it was made."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

import search.grow
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    MCTS,
    Beam,
    BestOfN,
    Cost,
    End,
    Extension,
    Grower,
    Node,
    ParticleFilter,
    PolicyError,
    Step,
    Tree,
    solve,
)
from tests.helpers import run
from tests.worlds import By

ANY = By(lambda steps: 0.5)


@dataclass(frozen=True)
class Writes:
    """A policy whose continuation is a function of its index and of max_steps: one call and a token a step."""

    write: Callable[[int, int | None], Sequence[Step]]

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        walks = tuple(tuple(self.write(index, max_steps)) for index in range(n))
        return Extension(walks, Cost(generated=sum(map(len, walks))))


def step(text: str, end: End = End.DELIMITER) -> Step:
    return Step(text, (len(text),), (-0.1,), end)


@pytest.mark.parametrize(
    ("searcher", "written", "message"),
    [
        (BestOfN(4), [step("a")], r"continuation 1 of the policy, at depth 0, .* stops open, with delimiter"),
        (Beam(4, 2), [step("a"), step("b"), step("c")], r"at depth 0, asked for n = 4 with max_steps = 1, has 3 steps"),
        (BestOfN(2), [step("1", End.EOS), step("2", End.EOS)], "goes on after step 1, which ended with eos"),
        (BestOfN(2), [step("1", End.CONTEXT), step("2", End.EOS)], "goes on after step 1, which ended with context"),
        (BestOfN(2), [], "has no step"),
    ],
)
def test_continuations_that_were_not_asked_for_are_errors(searcher: Any, written: list[Step], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        run(searcher, Writes(lambda index, max_steps: written), ANY)


def test_a_later_continuation_at_a_depth_is_named() -> None:
    def write(index: int, max_steps: int | None) -> list[Step]:
        return [step(f"{index}")] * (1 + index)

    async def main() -> None:
        grow = Grower(Tree("q"), Writes(write), ANY)
        (below,) = await grow.sample(grow.root)
        await grow.sample(below, 3, max_steps=2)

    with pytest.raises(
        PolicyError, match="continuation 3 of the policy, at depth 1, asked for n = 3 with max_steps = 2"
    ):
        asyncio.run(main())


@pytest.mark.parametrize("wrong", [None, ["a step", "another"]])
def test_what_is_no_extension_is_an_error(wrong: Any) -> None:
    class Vague(Toy):
        async def extend(self, *request: Any, **named: Any) -> Any:
            return wrong

    said = rf"the policy returned {re.escape(repr(wrong))} at depth 0, asked for n = 2 .*; return Extension\("
    with pytest.raises(PolicyError, match=said):
        run(Beam(2, 2), Vague(), ToyScorer())


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ((Cost(generated=1),), r"returned 1 costs at depth 0, asked for n = 2"),
        ((Cost(generated=1), Cost(generated=2)), "do not add up to its cost"),
    ],
)
def test_costs_that_do_not_fit_are_errors(costs: tuple[Cost, ...], message: str) -> None:
    class Dear(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            return (await super().extend(*request))._replace(costs=costs)

    with pytest.raises(PolicyError, match=message):
        run(Beam(2, 2), Dear(), ToyScorer())


def test_a_policy_that_never_ends_is_cut_at_the_deepest_step(monkeypatch: pytest.MonkeyPatch) -> None:
    assert search.grow.DEEPEST == 10_000
    monkeypatch.setattr(search.grow, "DEEPEST", 50)
    endless = Writes(lambda index, max_steps: [step(f"{index}\n\n", End.DELIMITER if max_steps else End.CONTEXT)])
    for searcher in (Beam(4, 2), ParticleFilter(3), MCTS(100, in_flight=1)):
        tree = run(searcher, endless, ANY)
        assert tree.stopped == "done" and max(node.depth for node in tree.nodes()) == 50
        assert {str(leaf.step.end) for leaf in tree.leaves() if leaf.depth == 50 and leaf.step} <= {
            "max_steps",
            "context",
        }
        assert tree.ledger.samples == len(tree.leaves()) and not any(leaf.finished for leaf in tree.leaves())
    # A whole solution is cut there too, and what the policy wrote behind it is charged but not kept.
    whole = run(BestOfN(1), Writes(lambda index, _: [step("a")] * 60 + [step("1", End.EOS)]), ANY)
    (leaf,) = whole.leaves()
    assert (leaf.depth, leaf.step and leaf.step.end) == (50, End.MAX_STEPS)
    assert (whole.ledger.generated_tokens, whole.ledger.unique_tokens, whole.ledger.samples) == (61, 50, 1)


def test_the_same_step_object_twice_in_a_path_is_two_steps() -> None:
    same = step("a")
    tree = run(BestOfN(1), Writes(lambda index, _: [same, same, step("1", End.EOS)]), ANY)
    assert [node.path for node in tree.nodes()] == [(0,), (0, 0), (0, 0, 0)]


def test_siblings_merge_by_text_and_end() -> None:
    """A step that was cut open must not swallow the finished one of the same text, nor the reverse."""
    ends = [End.STEP_TOKENS, End.ANSWER, End.STEP_TOKENS, End.ANSWER, End.MAX_TOKENS]
    tree = Tree("q")

    async def main() -> list[Node]:
        grow = Grower(tree, Writes(lambda index, _: [step("42", ends[index])]), ANY)
        return await grow.sample(grow.root, 5, merge=True)

    merged = asyncio.run(main())
    assert [(node.path, node.stats["count"]) for node in merged] == [((0,), 2), ((1,), 2), ((4,), 1)]
    assert [node.finished for node in merged] == [False, True, False]
    assert tree.ledger.samples == 2 and tree.ledger.generated_tokens == 5 and tree.ledger.unique_tokens == 3


def test_a_later_request_merges_into_siblings_that_exist() -> None:
    texts = iter("abab" + "bcbc")

    async def main() -> None:
        grow = Grower(Tree("q"), Writes(lambda index, _: [step(next(texts))]), ANY)
        first = await grow.sample(grow.root, 4, merge=True)
        await grow.score(*first)
        second = await grow.sample(grow.root, 4, merge=True)
        assert [node.path for node in first] == [(0,), (1,)] and [node.path for node in second] == [(1,), (5,)]
        assert second[0] is first[1] and second[0].score == 0.5, "it keeps its score"
        assert [node.stats["count"] for node in (*first, second[1])] == [2, 4, 2]
        assert [child.index for child in grow.root.children.values()] == [0, 1, 5]

    asyncio.run(main())


def test_what_was_sampled_alone_counts_as_one_when_another_merges_into_it() -> None:
    async def main() -> None:
        grow = Grower(Tree("q"), Writes(lambda index, _: [step("a")]), ANY)
        (alone,) = await grow.sample(grow.root)
        assert "count" not in alone.stats
        assert await grow.sample(grow.root, 2, merge=True) == [alone] and alone.stats["count"] == 3

    asyncio.run(main())


def test_only_single_steps_merge() -> None:
    grow = Grower(Tree("q"), Toy(), ToyScorer())
    with pytest.raises(ValueError, match="only single steps are merged, not continuations of max_steps=None"):
        asyncio.run(grow.sample(grow.root, 2, max_steps=None, merge=True))


def test_a_tree_of_another_question_or_seed_is_refused() -> None:
    """D16: it searched the tree's question with the tree's seed, and said nothing."""

    async def main(question: str, seed: int | None, tree: Tree) -> Tree:
        return await solve(question, BestOfN(n=1), Toy(), ToyScorer(), seed=seed, tree=tree)

    message = "the tree is of 'Another question' with seed 0, not of 'What is 2\\+2\\?' with 5"
    with pytest.raises(ValueError, match=message):
        asyncio.run(main("What is 2+2?", 5, Tree("Another question", 0)))
    with pytest.raises(ValueError, match="with seed 1, not of 'q' with 0"):
        asyncio.run(main("q", 0, Tree("q", 1)))
    assert asyncio.run(main("q", None, Tree("q", 7))).seed == asyncio.run(main("q", 7, Tree("q", 7))).seed == 7


def test_each_continuation_is_born_at_its_own_charge() -> None:
    """Costs that the policy tells one a continuation, and costs that it tells only in all."""

    class Summed(Toy):
        async def extend(self, *request: Any, **named: Any) -> Extension:
            return (await super().extend(*request))._replace(costs=())

    for policy in (Toy(), Summed()):
        tree = Tree("q")

        async def main(grow: Grower) -> list[Node]:
            return await grow.extend(grow.root, 3, max_steps=None)

        ends = asyncio.run(main(Grower(tree, policy, ToyScorer())))
        births = [end.birth for end in ends if end.birth]
        assert [birth.samples for birth in births] == [1, 2, 3]
        assert [birth.generated_tokens for birth in births] == [4, 8, 12]
        assert [birth.policy_calls for birth in births] == [1, 1, 1] and tree.ledger.policy_calls == 1
