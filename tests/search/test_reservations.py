"""A counted budget is spent, keeps an answer in reserve, and costs no concurrency where it is far."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

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
    Node,
    ParticleFilter,
    Selection,
    Step,
    Tree,
)
from search.solve import Searcher
from tests.helpers import PARALLEL, run
from tests.worlds import By, InTurn, Walk, chain, leaf, world

GUIDED: dict[str, Searcher] = {
    "beam": Beam(n=16, branch=4),
    "mcts": MCTS(simulations=64),
    "particle_filter": ParticleFilter(n=16),
}


@dataclass
class Watched:
    """The toy policy, some turns of the loop late: notes every request, what it was told, and how many were out."""

    inner: Toy = field(default_factory=Toy)
    asks: list[Ask | None] = field(default_factory=list[Ask | None])
    sizes: list[int] = field(default_factory=list[int])
    out: list[int] = field(default_factory=list[int])
    now: int = 0

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
    ) -> Extension:
        self.now += 1
        self.asks.append(ask)
        self.sizes.append(n)
        self.out.append(self.now)
        for _ in range(10):
            await asyncio.sleep(0)
        self.now -= 1
        return await self.inner.extend(node, n, max_steps, seeds, ask or Ask())

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return self.inner.worst_case(node, max_steps)


class Silent(Watched):
    """Does not tell its worst case."""

    worst_case = None  # type: ignore[assignment]


@dataclass
class Long:
    """Steps of `each` tokens, `steps` of them a solution, which is cut at `most` tokens: its worst case."""

    most: int = 500
    each: int = 100
    steps: int = 5

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
    ) -> Extension:
        left = self.most if ask is None or ask.max_tokens is None else ask.max_tokens
        walks = [self._walk(node.depth, max_steps, seed, left) for seed in seeds]
        return Extension(tuple(walks), Cost(generated=sum(len(s.token_ids) for walk in walks for s in walk)))

    def _walk(self, depth: int, max_steps: int | None, seed: int, left: int) -> tuple[Step, ...]:
        walk: list[Step] = []
        while len(walk) != max_steps and left and (not walk or walk[-1].open):
            depth, size = depth + 1, min(left, self.each)
            left -= size
            last = depth == self.steps
            end = End.MAX_TOKENS if size < self.each else End.ANSWER if last else End.DELIMITER
            text = f"\\boxed{{{seed % 3}}}" if last else f"{seed % 5}\n\n"
            walk.append(Step(text, (seed % 5,) * size, (-0.1,) * size, end))
        if max_steps is None and walk[-1].open:
            walk[-1] = Step(walk[-1].text, walk[-1].token_ids, walk[-1].logprobs, End.MAX_TOKENS)
        return tuple(walk)

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return Cost(generated=self.most if max_steps is None else self.each)


def answers(tree: Tree) -> bool:
    return Selection()(tree).answer is not None


@pytest.mark.parametrize("policy", [Watched, Silent])
@pytest.mark.parametrize("samples", range(1, 9))
def test_a_request_that_crosses_the_limit_counts_as_far_as_it_lies_within(samples: int, policy: type[Watched]) -> None:
    """Solutions of one step: all of a level, or of an expansion, is one request."""
    root = world(leaf(1, 0.5, 0.25), leaf(2, 0.5, 0.25), leaf(3, 0.5, 0.5))
    for searcher in (Beam(n=8, branch=4), BestOfN(n=8), ParticleFilter(n=8)):
        tree = run(searcher, policy(Walk(root=root)), By(lambda steps: 0.5), Budget(samples=samples))
        assert len(tree.leaves()) == min(samples, 8), searcher
        assert Selection()(tree).answer is not None
    tree = run(MCTS(), policy(Walk(root=root)), By(lambda steps: 0.5), Budget(samples=samples))
    assert Selection()(tree).answer is not None


@pytest.mark.parametrize("solutions", [1, 2, 4, 8])
@pytest.mark.parametrize("name", GUIDED)
def test_an_answer_at_the_budget_of_few_solutions(name: str, solutions: int) -> None:
    answered = 0
    for seed in range(40):
        budget = Budget(generated_tokens=4 * solutions)
        tree = run(GUIDED[name], Toy(), ToyScorer(), budget, seed=seed)
        answered += answers(tree)
        assert tree.ledger.generated_tokens <= 4 * solutions
    assert answered >= 0.95 * 40


@pytest.mark.parametrize("most", [500, 2048])
@pytest.mark.parametrize("tokens", [500, 1000, 2000, 4000, 8000])
@pytest.mark.parametrize("name", GUIDED)
def test_budgets_of_long_steps_are_spent_and_never_exceeded(name: str, tokens: int, most: int) -> None:
    """Steps of 100 tokens, five a solution; also where the policy's own limit is four times what it needs."""
    for seed in range(2):
        tree = run(GUIDED[name], Long(most), By(lambda steps: 0.5), Budget(generated_tokens=tokens), seed=seed)
        assert answers(tree) and tree.ledger.generated_tokens <= tokens
        assert tree.stopped == "done" or tree.ledger.generated_tokens == tokens


@pytest.mark.parametrize("limit", [Budget(samples=10**6), Budget(generated_tokens=10**6), Budget(flops=1e9)], ids=str)
@pytest.mark.parametrize("name", PARALLEL)
def test_a_limit_that_is_never_reached_costs_no_concurrency(name: str, limit: Budget) -> None:
    """As many requests, of the same sizes, with as many others in flight as without a limit."""
    searcher = PARALLEL[name]
    policies = [Watched(), Watched()]
    trees = [run(searcher, policies[0], ToyScorer()), run(searcher, policies[1], ToyScorer(), limit)]
    assert policies[0].out == policies[1].out and policies[0].sizes == policies[1].sizes
    assert max(policies[0].out) > 1 or name in ("mcts", "ab_mcts", "best_first")  # which ask one after the other
    assert [node.path for node in trees[0].nodes()] == [node.path for node in trees[1].nodes()]
    assert policies[1].asks == policies[0].asks, "a request says nothing where it is the default"
    assert not any(policies[0].asks) or name in ("lookahead", "deepconf")


def test_only_near_the_limit_is_a_policy_told_what_is_left() -> None:
    """Three fit. The fourth has the last hundred tokens to itself."""
    told: list[tuple[int | None, int]] = []

    class Told(Long):
        async def extend(
            self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
        ) -> Extension:
            told.append((ask and ask.max_tokens, tree.ledger.generated_tokens))
            return await super().extend(node, n, max_steps, seeds, ask)

    tree = Tree("question")
    run(BestOfN(n=9), Told(most=300), By(lambda steps: 0.5), Budget(generated_tokens=1000), tree=tree)
    assert told == [(None, 0), (None, 300), (None, 600), (100, 900)]
    assert tree.ledger.generated_tokens == 1000 and tree.stopped == "budget"


def test_a_policy_that_takes_no_request_is_told_nothing() -> None:
    class Old(Watched):
        async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:  # type: ignore[override]
            return await self.inner.extend(node, n, max_steps, seeds)

    for searcher in PARALLEL.values():
        tree = run(searcher, Old(), ToyScorer(), Budget(generated_tokens=9))
        assert tree.stopped == "budget" and answers(tree)


def test_the_best_open_leaf_is_completed() -> None:
    """Budget for the first level and one solution; b is judged best."""
    root = world(chain("a", 3, leaf(1), 0.5), chain("b", 3, leaf(2), 0.5))
    scorer = By(lambda steps: 0.9 if steps[0].text.startswith("b") else 0.1)
    for searcher in (Beam(n=2, branch=2), MCTS(simulations=9, in_flight=2)):
        tree = run(searcher, Watched(InTurn(root=root)), scorer, Budget(generated_tokens=6))
        assert Selection()(tree).answer == "2" and tree.ledger.generated_tokens <= 6
        assert [node.path[0] for node in tree.leaves()] == [1], "one solution, and nothing of a"


def test_a_reserve_that_was_used_is_spent_as_well() -> None:
    """The worst case of a solution is all of the budget: the first one is made at once, and then the search begins."""
    tree = run(Beam(n=4, branch=2), Long(most=2000), By(lambda steps: 0.5), Budget(generated_tokens=2000))
    (completed,) = tree.leaves()
    assert completed.finished and completed.path == (4, 0, 0, 0, 0) and tree.stopped == "budget"
    assert tree.ledger.generated_tokens == 2000 and tree.root.children.keys() == {0, 1, 2, 3, 4}
    tree = run(MCTS(100), Long(most=2000), By(lambda steps: 0.5), Budget(generated_tokens=2000))
    assert tree.stopped == "budget" and len(tree.leaves()) > 1 and tree.ledger.generated_tokens == 2000


def test_flops_of_judging_are_reserved() -> None:
    """No policy can be told a limit on FLOPs: the last request, and it alone, may exceed it by its worst case of 9."""
    for name, searcher in PARALLEL.items():
        for flops in range(10, 200, 21):
            tree = run(searcher, Watched(), ToyScorer(), Budget(flops=flops))
            assert tree.ledger.flops is not None and tree.ledger.flops < flops + 9, (name, flops)
