"""A policy and a scorer that answer at once: what a search takes with them is its own code."""

import asyncio
import time
from collections.abc import Sequence

from search import Cost, End, Extension, Kind, Node, Scored, Step, Tree

CHOICES = 64  # so that samples seldom repeat
BARE_TASK = 5.0  # microseconds of a bare task on the machine of the bounds
_NOTHING = Cost(calls=1, flops=0.0)


class Instant:
    """A policy of 64 equally likely steps at every depth; solutions end at `depth`. Each step is made once, so that
    nodes share their tokens.
    """

    def __init__(self, depth: int, tokens: int) -> None:
        self.depth, self.tokens = depth, tokens
        ids, logprobs = tuple(range(tokens)), (-1.0,) * tokens
        self.inner = [Step(f"step {i} {'x ' * tokens}\n\n", ids, logprobs) for i in range(CHOICES)]
        self.last = [Step(f"\\boxed{{{i}}}", ids, logprobs, End.ANSWER) for i in range(CHOICES)]

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        left = self.depth - node.depth
        length = left if max_steps is None else min(max_steps, left)
        continuations = tuple([self._steps(seed, length, length == left) for seed in seeds])
        return Extension(continuations, Cost(generated=n * length * self.tokens, computed=1, flops=0.0))

    def _steps(self, seed: int, length: int, last: bool) -> tuple[Step, ...]:
        if length == 1:
            return ((self.last if last else self.inner)[seed % CHOICES],)
        steps = [self.inner[(seed >> place % 50) % CHOICES] for place in range(length - last)]
        return (*steps, self.last[seed % CHOICES]) if last else tuple(steps)


class Instantly:
    """A scorer whose numbers are a function of a step's text and depth."""

    kind = Kind.CORRECTNESS

    def __init__(self, policy: Instant) -> None:
        texts = [step.text for steps in (policy.inner, policy.last) for step in steps]
        self._share = {text: 0.618034 * place for place, text in enumerate(texts)}

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        new = steps[since:]
        return Scored([(self._share[step.text] + 0.414214 * (since + i)) % 1 for i, step in enumerate(new)], _NOTHING)


def slowness() -> float:
    """How much longer bare tasks take now than on the machine of the bounds, at least 1: each asks policy and scorer
    for one step, without a search.
    """
    policy = Instant(2, 100)
    scorer, root = Instantly(policy), Tree("question").root

    async def step() -> None:
        extension = await policy.extend(root, 1, 1, [0])
        await scorer.score("question", extension.continuations[0], 0)

    async def tasks() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(step())

    async def median() -> float:
        times: list[float] = []
        for _ in range(9):
            start = time.process_time()
            await tasks()
            times.append(time.process_time() - start)
        return sorted(times)[len(times) // 2] / 100 * 1e6

    return max(1.0, asyncio.run(median()) / BARE_TASK)
