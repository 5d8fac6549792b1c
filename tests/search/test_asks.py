"""What a searcher asks of a policy besides going on, and what steps say of it."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    MCTS,
    Ask,
    Beam,
    BestOfN,
    Budget,
    Cost,
    End,
    Extension,
    Grower,
    Kind,
    KnobError,
    Node,
    Reduction,
    Step,
    Tree,
)
from search.algorithms.mcts import Prior
from tests.helpers import PARALLEL, run
from tests.search.asked import OPEN, Asked
from tests.worlds import By, by_text

ASKS = [
    (Ask(hint="as in this example"), "hint"),
    (Ask(action="criticise", temperature=0.0), "action, temperature"),
    (Ask(given="Wait", max_tokens=3), "given, max_tokens"),
]


@pytest.mark.parametrize(("ask", "names"), ASKS)
def test_a_request_is_refused_before_anything_is_spent_where_the_policy_takes_none(ask: Ask, names: str) -> None:
    requests: list[int] = []

    class Old(Toy):
        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:  # type: ignore[override]
            requests.append(1)
            return await super().extend(node, n, max_steps, seeds)

    class Asks(BestOfN):
        async def search(self, grow: Grower) -> None:
            await grow.extend(grow.root, ask=ask)

    tree = Tree("question")
    with pytest.raises(KnobError, match=f"Old takes no request with {names}; choose another policy"):
        run(Asks(), Old(), ToyScorer(), tree=tree)
    assert not requests and tree.ledger._replace(seconds=0) == Tree("q").ledger and tree.root.reserve(1).start == 0


def test_a_policy_refuses_what_it_cannot_do() -> None:
    class Asks(BestOfN):
        async def search(self, grow: Grower) -> None:
            await grow.extend(grow.root, ask=Ask(given="so", max_tokens=3))

    tree = Tree("question")
    with pytest.raises(KnobError, match="the toy policy takes no request with given"):
        run(Asks(), Toy(), ToyScorer(), tree=tree)
    assert tree.ledger.policy_calls == 0


def test_a_policy_is_handed_a_request_only_where_it_says_something() -> None:
    seen: list[dict[str, Any]] = []

    class Takes(Toy):
        async def extend(self, *request: Any, ask: Ask | None = None, **named: Any) -> Extension:  # type: ignore[override]
            seen.append({} if ask is None else {"ask": ask})
            return await super().extend(*request)

    for name, searcher in PARALLEL.items():
        run(searcher, Takes(), ToyScorer())
        said = [each for each in seen if each]
        asks = {"lookahead": Ask(temperature=0.0), "deepconf": Ask(floor=said[0]["ask"].floor if said else None)}
        assert seen and bool(said) == (name in asks) and all(each["ask"] == asks[name] for each in said)
        seen.clear()

    async def main() -> None:
        grow = Grower(Tree("q"), Takes(), ToyScorer())
        await grow.extend(grow.root, ask=Ask())
        await grow.extend(grow.root, ask=Ask(temperature=0.0))

    asyncio.run(main())
    assert seen == [{}, {"ask": Ask(temperature=0.0)}]


FLAT = By(lambda steps: 0.5)


def test_a_node_tells_what_was_asked_for_and_whose_text_stood_in_its_prompt() -> None:
    tree, policy = Tree("q"), Asked([OPEN, replace(OPEN, text="b\n\n", action="own")])

    async def main(grow: Grower) -> None:
        first = await grow.extend(grow.root, 2)
        both = await grow.extend(grow.root, 2, ask=Ask(action="aggregate", sources=tuple(first)))
        assert [node.sources for node in both] == [((0,), (1,))] * 2
        assert [node.step and node.step.action for node in both] == ["aggregate", "own"]
        assert not any(node.sources for node in first) and policy.asks[1].sources == tuple(first)

    asyncio.run(main(Grower(tree, policy, FLAT)))
    again = Tree.loads(tree.dumps())
    assert again[(2,)].sources == ((0,), (1,)) and again[(2,)].step == tree[(2,)].step


def test_sources_of_another_tree_are_refused() -> None:
    async def main() -> None:
        grow, stranger = Grower(Tree("q"), Asked([OPEN]), FLAT), Tree("other")
        child = stranger.root.add(stranger.root.reserve(1).start, OPEN)
        await grow.extend(grow.root, ask=Ask(sources=(child,)))

    with pytest.raises(ValueError, match=r"Ask.sources names node 0, which is not in this search's tree"):
        asyncio.run(main())


def test_tokens_that_are_not_the_policys_are_neither_generated_nor_in_its_prior() -> None:
    """Given and observed tokens have log-probabilities that would turn the prior round."""
    likely = Step("a\n\n", (1, 2, 3), (-9.0, -0.1, -9.0), given=1, observed=1)
    unlikely = Step("b\n\n", (1, 2, 3), (0.0, -2.1, 0.0), given=1, observed=1)
    assert (likely.generated, likely.written) == (1, slice(1, 2))

    class Silent(Asked):
        """Tells the cost of all, and not of each. Below the root it writes the answer."""

        async def extend(self, node: Node, n: int, *request: Any, **named: Any) -> Extension:
            index = node.reserve(0).start
            steps = [
                self.written[i] if node.depth == 0 else Step("1", (4,), (-1.0,), End.ANSWER)
                for i in range(index - n, index)
            ]
            return Extension(tuple((step,) for step in steps), Cost(generated=sum(step.generated for step in steps)))

    tree = run(Beam(n=2, branch=2), Silent([likely, unlikely]), FLAT)
    second = tree[1,]
    assert second.birth and (second.birth.generated_tokens, second.birth.unique_tokens) == (2, 6)
    tree = run(MCTS(simulations=3, prior=Prior.LOGPROB, in_flight=1), Silent([likely, unlikely]), FLAT)
    first, second = tree.root.children.values()
    assert math.isclose(first.stats["prior"] / second.stats["prior"], math.exp(2.0), rel_tol=1e-6)


def test_the_end_token_of_an_inner_step_is_left_out_of_what_goes_on() -> None:
    tree = Tree("q")
    ended = tree.root.add(tree.root.reserve(1).start, Step("a", (5, 6, 99), (0, 0, 0), End.EOS, closing=1))
    on = ended.add(ended.reserve(1).start, Step("b", (7,), (0,)))
    assert ended.token_ids() == [5, 6, 99] and on.token_ids() == [5, 6, 7]


def test_a_search_completes_the_open_node_that_its_own_reduction_prefers() -> None:
    """`low` has the better least score, `high` the better last one."""
    texts = {"low": 0.5, "high": 0.1, "low2": 0.5, "high2": 0.9}

    @dataclass
    class Paths:
        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
            if max_steps is None:
                done = Step(f"\\boxed{{{node.line()[0].index}}}", (9,), (0.0,), End.ANSWER)
                return Extension(((done,),) * n, Cost(generated=n))
            name = "" if node.step is None else node.step.text.strip()
            texts = ["low", "high"] if not name else [f"{name}2"] * n
            return Extension(tuple((Step(f"{t}\n\n", (1,), (0.0,)),) for t in texts), Cost(generated=n))

    @dataclass(frozen=True)
    class Two(BestOfN):
        reduction: Reduction | None = None

        async def search(self, grow: Grower) -> None:
            for node in await grow.extend(grow.root, 2):
                await grow.extend(node)

    for reduction, answer in ((None, 0), (Reduction.LAST, 1), (Reduction.MIN, 0)):
        tree = run(Two(reduction=reduction), Paths(), by_text(texts, Kind.CORRECTNESS), Budget(generated_tokens=5))
        (leaf,) = [leaf for leaf in tree.leaves() if leaf.finished]
        assert leaf.text().endswith(f"\\boxed{{{answer}}}"), reduction
