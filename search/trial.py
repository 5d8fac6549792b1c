"""A policy and a scorer to try a searcher with: every number follows from the seeds, and answers come late."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from search.protocols import GO_ON, Ask, Extension, Scored, Stopped
from search.tree import Node
from search.tree.confidence import Floor, Window
from search.tree.cost import NOTHING, Cost
from search.tree.randomness import generator
from search.tree.scores import Kind
from search.tree.step import End, Step

STEPS = 4
"""of the longest solution"""
LOGPROBS = (-1.0, -0.5)
"""of the tokens of a step"""
TOKENS = len(LOGPROBS)
"""of a step"""


class TrialError(RuntimeError):
    """A request that fails on purpose."""


@dataclass
class Late:
    """Answers after some turns of the loop, which `order` decides; keeps count of requests and of what they cost."""

    order: int = 0
    seconds: float = 0.0
    """of each request, besides"""
    fails_at: int | None = None
    """the request that raises TrialError, from zero"""
    asked: int = 0
    pending: int = 0
    spent: Cost = NOTHING
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.order)

    async def late(self, cost: Cost, started: Cost) -> None:
        """Waits, and charges the cost; of a request that is cancelled only what it costs to have started."""
        self.asked, self.pending = self.asked + 1, self.pending + 1
        fails = self.asked - 1 == self.fails_at
        try:
            for _ in range(int(self._rng.integers(8))):
                await asyncio.sleep(0)
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.spent += started
            raise Stopped(started) from None
        finally:
            self.pending -= 1
        if fails:
            raise TrialError(f"request {self.asked} fails on purpose")
        self.spent += cost


@dataclass
class OldTrialPolicy(Late):
    """Writes digits, and sooner or later a box. It knows no `ask`, and tells no worst case."""

    endless: bool = False
    """it never writes a box; a whole solution is cut after 20 steps"""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        return await self._extend(node, max_steps, seeds, GO_ON)

    async def _extend(self, node: Node, max_steps: int | None, seeds: Sequence[int], ask: Ask) -> Extension:
        walks = [self._walk(node.depth, max_steps, seed, ask) for seed in seeds]
        sizes = [sum(len(step.token_ids) for step in walk) for walk in walks]
        costs = tuple(self.cost(node, size, place == 0) for place, size in enumerate(sizes))
        await self.late(sum(costs, NOTHING), self.cost(node, 0, True))
        return Extension(tuple(walks), sum(costs, NOTHING), question_tokens=1, costs=costs)

    def cost(self, node: Node, tokens: int, first: bool) -> Cost:
        """Of one continuation: a FLOP a token."""
        prompt = 1 + TOKENS * node.depth
        return Cost(generated=tokens, computed=prompt, calls=int(first), flops=float(prompt + tokens))

    def _walk(self, depth: int, max_steps: int | None, seed: int, ask: Ask) -> tuple[Step, ...]:
        rng, steps, left = generator(0 if ask.temperature == 0 else seed), list[Step](), ask.max_tokens or 1 << 30
        while len(steps) != max_steps and not (steps and not steps[-1].open):
            digit, stops = int(rng.integers(3)), bool(rng.random() < 0.2)
            depth, size = depth + 1, min(TOKENS, left)
            left -= size
            last = not self.endless and (stops or depth >= STEPS)
            end = End.ANSWER if last and size == TOKENS else End.DELIMITER if left else End.MAX_TOKENS
            if self.endless and max_steps is None and len(steps) == 19:
                end = End.MAX_STEPS
            if ask.floor and (written := _until_unsure(ask.floor, TOKENS * len(steps), size - (end is End.ANSWER))):
                size, end = written, End.UNSURE
            text = f"\\boxed{{{digit}}}" if end is End.ANSWER else f"{digit}\n\n"
            given = ask.given if not steps else ""
            steps.append(Step(given + text, (digit, 9)[:size], LOGPROBS[:size], end, action=ask.action))
        return tuple(steps)


def _until_unsure(floor: Floor, before: int, most: int) -> int:
    """How many tokens a step has when the confidence falls below the floor; 0 where it does not within `most`."""
    window = Window(floor.window)
    for place in range(before + most):
        sure = window.push(LOGPROBS[place % TOKENS])
        if place >= before and sure is not None and sure < floor.confidence:
            return place - before + 1
    return 0


class TrialPolicy(OldTrialPolicy):
    """Takes every request, and tells its worst case."""

    async def extend(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        return await self._extend(node, max_steps, seeds, ask)

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        longest = 20 if self.endless else max(STEPS - node.depth, 1)
        return self.cost(node, TOKENS * (longest if max_steps is None else min(max_steps, longest)), True)


@dataclass
class TrialScorer(Late):
    """A number between 0 and 1 of each path; it fits every kind."""

    kind: Kind = Kind.VALUE

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        texts = [step.text for step in steps]
        scores = [float(generator("score", *texts[: place + 1]).random()) for place in range(since, len(texts))]
        cost = Cost(computed=TOKENS * len(texts), flops=float(TOKENS * len(texts)))
        await self.late(cost, Cost(computed=1, flops=1.0))
        return Scored(scores, cost)

    def worst_case(self, node: Node, tokens: int) -> Cost:
        read = TOKENS * node.depth + TOKENS * tokens
        return Cost(computed=read, flops=float(read))
