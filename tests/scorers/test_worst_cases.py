"""No scorer costs more than the worst case that it tells, and a far limit on FLOPs costs a search no concurrency."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scorers.checks import Checks
from scorers.critic import Critic
from scorers.custom import adapt
from scorers.ensemble import Combine, Ensemble
from scorers.implicit import Implicit
from scorers.prm import PRM
from scorers.self_certainty import SelfCertainty
from search import Beam, BestOfN, Budget, Cost, End, Extension, Ledger, Node, Scored, Step, Tree
from search.protocols import Scorer, worst_case
from search.solve import Searcher
from search.tree.cost import NOTHING
from search.tree.scores import Kind
from tests.helpers import run
from tests.scorers.formats import FORMATS, QUESTION, TEXTS, make

DENSE = "中文" * 20  # more tokens of a scorer's than a policy's vocabulary may need


def path(*texts: str) -> Node:
    """The last node of a solution, nothing of which is judged."""
    node = Tree(QUESTION).root
    for place, text in enumerate(texts):
        end = End.ANSWER if place == len(texts) - 1 else End.DELIMITER
        node = node.add(node.reserve(1)[0], Step(text, (1,), (-1.0,), end))
    return node


def cost(scorer: Scorer, node: Node) -> Cost:
    since = node.depth - 1 if scorer.kind is Kind.OUTCOME else 0
    return asyncio.run(scorer.score(QUESTION, node.steps(), since)).cost


def assert_bounded(scorer: Scorer) -> None:
    """From each prefix of two solutions, whatever is still to come; with nothing to come nearly exact."""
    for texts in (TEXTS, [DENSE, DENSE, "\\boxed{1}"]):
        whole = path(*(text + "\n\n" for text in texts[:-1]), texts[-1])
        spent = cost(scorer, whole)
        assert spent.flops
        for above in (whole.tree.root, *whole.line()[:-1]):
            most = worst_case(scorer, above, whole.depth - above.depth)
            assert most is not None and most.flops is not None and most.flops >= spent.flops
            assert most.computed >= spent.computed
        exact = worst_case(scorer, whole, 0)
        assert exact is not None and exact.flops is not None and spent.flops <= exact.flops <= 1.25 * spent.flops


@pytest.mark.parametrize("name", FORMATS)
def test_reward_models(name: str, tmp_path: Path) -> None:
    assert_bounded(make(name, tmp_path))


def test_implicit_rewards_and_ensembles(random_policy: str, random_prm: str) -> None:
    implicit, prm = Implicit(model=random_policy, reference=random_policy), PRM(random_prm)
    assert_bounded(implicit)
    assert_bounded(Ensemble((Checks(), prm, implicit)))
    assert_bounded(Ensemble((prm, implicit), Combine.TIERED, low=0, high=1))
    node = path("1 = 1")
    parts = [worst_case(scorer, node, 9) for scorer in (prm, implicit)]
    assert worst_case(Ensemble((Checks(), prm, implicit)), node, 9) == sum(filter(None, parts), NOTHING)


def test_a_critic_tells_what_the_steps_cost_that_it_has_yet_to_judge(random_policy: str) -> None:
    """It asks about each step by itself, and nobody knows how many will come."""
    critic, node = Critic(model=random_policy, samples=2, max_tokens=20), path(*TEXTS)
    assert worst_case(critic, node, 1) is None
    whole, node.line()[0].birth = worst_case(critic, node, 0), Ledger()
    last_two = worst_case(critic, node, 0)
    assert whole and last_two and whole.flops and last_two.flops
    assert whole.calls == 3 and last_two.calls == 2 and last_two.flops < whole.flops
    prompts = [len(critic._prompt(QUESTION, TEXTS[:count])) for count in (1, 2, 3)]  # pyright: ignore[reportPrivateUsage]
    assert whole.computed == 2 * (sum(prompts) + 3 * 20)


class Mine:
    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored([0.5] * (len(steps) - since), Cost(flops=1.0))


class Telling(Mine):
    def worst_case(self, node: Node, tokens: int) -> Cost:
        return Cost(flops=float(node.depth + tokens))


class Plain:
    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [0.5] * len(steps)


def test_a_scorer_of_ones_own_may_tell_or_not() -> None:
    node = path("1 = 1", "2")
    assert worst_case(adapt(Telling()), node, 3) == Cost(flops=5.0)
    for silent in (adapt(Mine()), adapt(Plain())):
        assert worst_case(silent, node, 3) is None
        assert worst_case(Ensemble((adapt(Telling()), silent)), node, 3) is None, "a part that does not tell"
    for free in (SelfCertainty(), Checks()):
        assert worst_case(free, node, 3) == NOTHING


@dataclass
class Counting:
    """A scorer, and how many requests it has in flight."""

    inner: Scorer
    now: int = 0
    most: int = 0
    kind: Kind = Kind.CORRECTNESS
    costs: list[float] = field(default_factory=list[float])

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        self.now += 1
        self.most = max(self.most, self.now)
        scored = await self.inner.score(question, steps, since)
        self.now -= 1
        return scored

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        return worst_case(self.inner, node, tokens)


class Writes:
    """Three short steps to an answer; a token and a FLOP each."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        depths = range(node.depth, 3)[:max_steps]
        tokens = n * len(depths)
        each = [tuple(self._step(depth, seed) for depth in depths) for seed in seeds]
        return Extension(tuple(each), Cost(generated=tokens, flops=float(tokens)))

    def _step(self, depth: int, seed: int) -> Step:
        last = depth == 2
        text = "\\boxed{1}" if last else f"{seed % 1000} = {depth}\n\n"
        return Step(text, (depth,), (-1.0,), End.ANSWER if last else End.DELIMITER)

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        steps = 3 - node.depth if max_steps is None else min(max_steps, 3 - node.depth)
        return Cost(generated=steps, flops=float(steps))


@pytest.mark.parametrize("searcher", [BestOfN(16), Beam(16, 4)], ids=lambda s: type(s).__name__)
def test_a_far_limit_on_flops_costs_no_concurrency(searcher: Searcher, random_prm: str) -> None:
    free, limited = Counting(PRM(random_prm)), Counting(PRM(random_prm))
    run(searcher, Writes(), free)
    tree = run(searcher, Writes(), limited, Budget(flops=1e15))
    assert limited.most == free.most >= 4 and tree.stopped == "done"


def test_a_near_limit_on_flops_is_kept(random_prm: str) -> None:
    """Of the reward model, at most one reading goes over, by no more than itself."""
    prm = PRM(random_prm)
    alone = run(BestOfN(1), Writes(), prm).ledger.flops or 0
    for times in (1, 2, 3.5, 8):
        ledger = run(BestOfN(16), Writes(), prm, Budget(flops=times * alone)).ledger
        assert ledger.flops and times * alone <= ledger.flops + 1.2 * alone <= (times + 2.3) * alone
