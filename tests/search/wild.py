"""Plug-ins for random searches: late by some turns of the loop, failing in every way, and counting what they cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from policies.toy import Toy
from search import Ask, Cost, Extension, Kind, Node, Scored, Step, Stopped
from tests.worlds import Values

FAILURES = ("raises", "cancels", "too few", "wrong")


@dataclass
class Late:
    """What a wild policy and a wild scorer share: answers after some turns of the loop, and keeps count of its costs.

    `fails` happens at request number `at`. A request that is cancelled tells what it had cost, unless it is `mute`.
    """

    rng: np.random.Generator
    most: int
    mute: bool
    fails: str | None
    at: int
    costs: list[Cost] = field(default_factory=list[Cost])
    muted: int = 0
    asked: int = 0

    async def late(self, partial: Cost) -> bool:
        """Waits; whether this request is the one that fails."""
        self.asked += 1
        failing = self.fails is not None and self.asked == self.at
        try:
            for _ in range(int(self.rng.integers(self.most + 1))):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            if self.mute:
                self.muted += 1
                raise
            self.costs.append(partial)
            raise Stopped(partial) from None
        if failing and self.fails == "raises":
            raise LookupError("out of order")
        if failing and self.fails == "cancels":
            self.costs.append(partial)
            raise Stopped(partial)
        return failing


@dataclass
class WildPolicy(Late):
    inner: Toy = field(default_factory=Toy)
    tells_each: bool = True

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Any = None) -> Any:
        failing = await self.late(Cost(generated=1, computed=1 + node.depth, flops=2.0))
        extension = await self.inner.extend(node, n, max_steps, seeds, ask or Ask())
        if failing and self.fails == "too few":
            return extension._replace(continuations=extension.continuations[1:], costs=())
        if failing:
            return extension._replace(continuations=((),) * n, costs=())
        self.costs.append(extension.cost)
        return extension if self.tells_each else extension._replace(costs=())


class OldPolicy(WildPolicy):
    """Knows no `ask`."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:  # type: ignore[override]
        return await super().extend(node, n, max_steps, seeds)


class TellingPolicy(WildPolicy):
    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return self.inner.worst_case(node, max_steps)


class OldTellingPolicy(OldPolicy):
    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        return self.inner.worst_case(node, max_steps)


@dataclass
class WildScorer(Late):
    inner: Values = field(default_factory=Values)
    kind: Kind = Kind.VALUE

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        failing = await self.late(Cost(computed=1, flops=1.0))
        scored = await self.inner.score(question, steps, since)
        if failing:
            return scored._replace(scores=[float("nan")] if self.fails == "wrong" else [])
        self.costs.append(scored.cost)
        return scored


class TellingScorer(WildScorer):
    def worst_case(self, node: Node, tokens: int) -> Cost:
        return self.inner.worst_case(node, tokens)
