"""What a searcher asks of a policy besides going on, what steps say of it, and scorers that rank siblings."""

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
    Scored,
    ScoreError,
    Step,
    Tree,
)
from search.algorithms.mcts import Prior
from search.protocols import GO_ON
from tests.helpers import PARALLEL, run
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
            await grow.extend(grow.root, ask=Ask(hint="so", max_tokens=3))

    tree = Tree("question")
    with pytest.raises(KnobError, match="the toy policy takes no request with hint"):
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
        assert seen and said == [{"ask": Ask(temperature=0.0)}] * len(said) and bool(said) == (name == "lookahead")
        seen.clear()

    async def main() -> None:
        grow = Grower(Tree("q"), Takes(), ToyScorer())
        await grow.extend(grow.root, ask=Ask())
        await grow.extend(grow.root, ask=Ask(temperature=0.0))

    asyncio.run(main())
    assert seen == [{}, {"ask": Ask(temperature=0.0)}]


@dataclass
class Asked:
    """Writes one step a continuation, whatever is asked, and keeps the requests."""

    written: Sequence[Step]

    def __post_init__(self) -> None:
        self.asks: list[Ask] = []

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        self.asks.append(ask)
        steps = [(self.written[index % len(self.written)],) for index in range(n)]
        if max_steps is None:
            steps = [(replace(step, end=End.MAX_TOKENS),) for (step,) in steps]
        return Extension(tuple(steps), Cost(generated=sum(len(step.token_ids) for (step,) in steps)))


OPEN = Step("a\n\n", (1, 2), (-0.5, -0.5))
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
            steps = [self.written[i] if node.depth == 0 else Step("1", end=End.ANSWER) for i in range(index - n, index)]
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
