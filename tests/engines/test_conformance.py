"""The conformance kit of policies: each of ours passes, and each way to break a promise is caught and named."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from policies.conformance import check_policy
from policies.hf import HF
from policies.toy import Toy
from policies.vllm import VLLM
from search import Ask, Cost, End, Extension, Node, Step
from search.conformance import ConformanceError
from search.protocols import Policy
from search.trial import OldTrialPolicy, TrialPolicy
from tests.models import QUESTIONS, SERVED, vllm
from tests.worlds import UNEVEN, Walk


@pytest.mark.parametrize(
    "policy",
    [Toy(), Toy(branch=2, depth=1), Walk(root=UNEVEN), TrialPolicy(), OldTrialPolicy()],
    ids=lambda policy: type(policy).__name__,
)
def test_policies_without_a_model_keep_their_promises(policy: Policy) -> None:
    check_policy(policy)


@pytest.mark.parametrize("delimiter", [pytest.param(" + ", marks=pytest.mark.slow), "\n\n"])
def test_a_language_model_keeps_them(delimiter: str, random_policy: str) -> None:
    check_policy(HF(random_policy, delimiter=delimiter, max_steps=3, max_step_tokens=8, max_tokens=20))


def test_a_greedy_one_does_not_sample(random_policy: str) -> None:
    greedy = HF(random_policy, temperature=0, max_steps=2, max_step_tokens=8, max_tokens=10)
    check_policy(greedy, samples=False)
    with pytest.raises(ConformanceError, match="- seed: ten seeds write the same steps"):
        check_policy(greedy)


@vllm
def test_vllm_keeps_them() -> None:
    """Its batches round differently."""
    policy = VLLM(dtype="float32", max_tokens=60, temperature=2, **SERVED)
    check_policy(policy, QUESTIONS[2:], repeats=False)


@dataclass
class Good:
    """The trial policy; a subclass spoils what it writes."""

    inner: TrialPolicy = field(default_factory=TrialPolicy)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
    ) -> Extension:
        extension = await self.inner.extend(node, n, max_steps, self.mix(seeds), self.hear(ask or Ask()))
        return self.spoil(extension, node)

    def mix(self, seeds: Sequence[int]) -> Sequence[int]:
        return seeds

    def hear(self, ask: Ask) -> Ask:
        return ask

    def spoil(self, extension: Extension, node: Node) -> Extension:
        return extension

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return self.inner.worst_case(node, max_steps)


def last(extension: Extension, **fields: Any) -> Extension:
    """The same, with another last step of each."""
    walks = tuple((*steps[:-1], replace(steps[-1], **fields)) for steps in extension.continuations)
    return extension._replace(continuations=walks)


class TooFew(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return extension._replace(continuations=extension.continuations[:1], costs=())


class TooLong(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        walks = tuple((Step("Well:\n\n"), *steps) for steps in extension.continuations)
        return extension._replace(continuations=walks)


class GoesOn(Good):
    """After a closed step."""

    def spoil(self, extension: Extension, node: Node) -> Extension:
        walks = tuple(tuple(replace(s, end=End.EOS) for s in steps) for steps in extension.continuations)
        return extension._replace(continuations=walks)


class StaysOpen(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return last(extension, end=End.DELIMITER)


class NoBox(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return last(extension, text="3", end=End.ANSWER)


class TooFewLogprobs(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return last(extension, logprobs=(-1.0,))


class Probabilities(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return last(extension, logprobs=(0.4, 0.9))


class TooManyEntropies(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return last(extension, entropy=(1.0, 1.0, 1.0))


class CostsDoNotAddUp(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return extension._replace(cost=extension.cost + Cost(generated=1))


class Negative(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return extension._replace(cost=Cost(generated=100, computed=-1), costs=())


class Free(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        return extension._replace(cost=Cost(), costs=())


class Optimist(Good):
    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return Cost(generated=2, computed=100, flops=1000.0)


class Mutates(Good):
    def spoil(self, extension: Extension, node: Node) -> Extension:
        node.stats["visits"] = node.stats.get("visits", 0) + 1
        return extension


class Forgetful(Good):
    """Writes other steps at each request."""

    def mix(self, seeds: Sequence[int]) -> Sequence[int]:
        return [seed + 97 * self.inner.asked for seed in seeds]


class Sharing(Good):
    """A continuation depends on the others' seeds."""

    def mix(self, seeds: Sequence[int]) -> Sequence[int]:
        return [seed + 1000 * sum(seeds) for seed in seeds]


class Deaf(Good):
    """To its seeds."""

    def mix(self, seeds: Sequence[int]) -> Sequence[int]:
        return [1] * len(seeds)


class Uncancellable(Good):
    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
    ) -> Extension:
        request = asyncio.ensure_future(super().extend(node, n, max_steps, seeds, ask))
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.002)
        return await request


class Stuck(Good):
    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask | None = None
    ) -> Extension:
        try:
            await asyncio.sleep(0.002)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            raise
        return await super().extend(node, n, max_steps, seeds, ask)


@dataclass
class Ignores(Good):
    """A field of what it is asked."""

    field: str = ""

    def hear(self, ask: Ask) -> Ask:
        return Ask(**{name: value for name, value in ask._asdict().items() if name != self.field})


class Refuses(Good):
    def hear(self, ask: Ask) -> Ask:
        if ask.hint:
            raise NotImplementedError("no hints")
        return ask


def test_a_good_one_passes() -> None:
    check_policy(Good())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (TooFew, "depth 0, n = 10, max_steps = 1: PolicyError: the policy returned 1 continuations"),
        (TooLong, "depth 0, n = 1, max_steps = 1: PolicyError: .* has 2 steps"),
        (GoesOn, "depth 0, n = 3, max_steps = None: PolicyError: .* goes on after step 1"),
        (StaysOpen, "depth 0, n = 3, max_steps = None: PolicyError: .* stops open"),
        (NoBox, "depth 0, .*: end: a step ends with an answer and holds no complete"),
        (TooFewLogprobs, "depth 0, .*: tokens: a step of 2 tokens has 1 log-probabilities"),
        (Probabilities, "depth 0, .*: tokens: a log-probability is 0.9, above 0"),
        (TooManyEntropies, "depth 0, .*: tokens: a step of 2 tokens has 3 entropies"),
        (CostsDoNotAddUp, "depth 0, .*: PolicyError: the costs .* do not add up"),
        (Negative, "cost: depth 0, .*: it is negative"),
        (Free, "cost: depth 0, .*: 20 tokens are written, and 0 generated"),
        (Optimist, "worst case: depth 0, .*max_steps = None: a continuation costs 8 generated tokens and not 2"),
        (Mutates, "tree: depth 0, .*: it changes the tree"),
        (Forgetful, "seed: depth 0, max_steps = None: the same seeds write other steps"),
        (Sharing, "seed: depth 0, max_steps = None: a seed writes other steps among others than alone"),
        (Deaf, "seed: ten seeds write the same steps"),
        (Uncancellable, "cancelled: a request goes on"),
        (Stuck, "cancelled: a request does not end within 0.1 seconds"),
        (partial(Ignores, field="max_tokens"), "ask: max_tokens = 3 is neither kept nor refused"),
        (partial(Ignores, field="given"), "ask: a continuation does not begin with the given text"),
        (partial(Ignores, field="temperature"), "ask: temperature = 0 writes different steps"),
        (Refuses, "depth 0, n = 2, max_steps = 1 with hint: NotImplementedError: no hints"),
    ],
)
def test_every_broken_promise_is_caught_and_named(broken: Any, message: str) -> None:
    with pytest.raises(ConformanceError, match=f"breaks its promises:[\\s\\S]*- {message}"):
        check_policy(broken(), seconds=0.1)
