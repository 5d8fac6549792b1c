"""Grower: what a searcher sees. It asks policy and scorer, writes the tree and, alone, the ledger."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from typing import Any, NoReturn, TypeVar

import numpy as np

from search.protocols import Policy, Scorer
from search.tree import Event, Node, Tree
from search.tree.cost import BudgetSpent, Ledger
from search.tree.randomness import generator, key
from search.tree.scores import Kind, check_scores
from search.tree.step import Step

T = TypeVar("T")
Prefix = tuple[tuple[str, tuple[int, ...]], ...]  # the texts and token ids of a path's first steps


class Grower:
    """Wraps a policy and a scorer for one search.

    Every method may raise BudgetSpent. Under a limit on samples, tokens or FLOPs a policy request waits until what came
    before it is judged and charged, so that no more is spent than that one request goes over; scores already asked for
    are awaited, since their nodes were written within the budget.
    """

    def __init__(self, tree: Tree, policy: Policy, scorer: Scorer) -> None:
        self.tree = tree
        self.kind = scorer.kind
        self._policy, self._scorer = policy, scorer
        self._started = time.monotonic() - tree.ledger.seconds
        self._scoring = 0
        self._idle = asyncio.Event()
        # Requests that are out together are charged together, so a counted budget would be overspent by all but one.
        self._turn = asyncio.Lock() if tree.budget.counted else nullcontext()
        self._known: dict[Prefix, asyncio.Future[float]] = {}

    @property
    def root(self) -> Node:
        return self.tree.root

    def rng(self, *place: object) -> np.random.Generator:
        """A generator keyed by the search and a place in it."""
        return generator(self.tree.seed, self.tree.question, *place)

    def note(self, name: str, **data: Any) -> None:
        """Adds an entry to the tree's record."""
        self.tree.record.append(Event(name, self._now(), data))

    def close(self) -> None:
        """Brings the ledger's clock up to date; the search is over."""
        self.tree.ledger = self._now()

    async def extend(self, node: Node, n: int = 1, max_steps: int | None = 1) -> list[Node]:
        """n scored continuations of `node`: the last node of each, in the order of their indices."""
        ends = await self.sample(node, n, max_steps)
        await self.score(*ends)
        return ends

    async def sample(self, node: Node, n: int = 1, max_steps: int | None = 1, merge: bool = False) -> list[Node]:
        """n continuations of `node`, written into the tree but not yet judged: the last node of each.

        With `merge`, continuations of equal text become one; the first one's `stats["count"]` says how many they were.
        """
        indices = node.reserve(n)
        async with self._turn:
            return await self._sample(node, indices, max_steps, merge)

    async def _sample(self, node: Node, indices: range, max_steps: int | None, merge: bool) -> list[Node]:
        n, seeds = len(indices), [key(self.tree.seed, self.tree.question, node.path, index) for index in indices]
        if self.tree.budget.counted:
            await self._all_scored()
        if self.tree.budget.spent(self._now()):
            await self._stop()
        extension = await self._ask(self._policy.extend(node, n, max_steps, seeds))
        if len(extension.continuations) != n:
            raise ValueError(f"the policy returned {len(extension.continuations)} continuations; {n} were asked for")
        if not all(extension.continuations):
            raise ValueError(f"the policy returned a continuation without a step, at depth {node.depth}")
        written = dict(zip(indices, extension.continuations, strict=True))
        counts = _merge(written) if merge else {}
        ends = [self._write(node, index, steps) for index, steps in written.items()]
        for index, count in counts.items():
            node.children[index].stats["count"] = count
        unique = sum(len(step.token_ids) for steps in written.values() for step in steps)
        if not self.tree.ledger.unique_tokens:
            unique += extension.question_tokens
        samples = sum(not end.open for end in ends)
        self.tree.ledger = self._now().with_policy(extension.cost, samples, unique)
        return ends

    async def score(self, *nodes: Node) -> None:
        """Judges nodes, and those above them that are not yet judged: sets their scores and their births."""
        if not self.tree.budget.covers(self._now()):
            await self._stop()
        self._scoring += 1
        try:
            async with asyncio.TaskGroup() as group:
                for node in nodes:
                    group.create_task(self._judge(node))
        finally:
            self._scoring -= 1
            if not self._scoring:
                self._idle.set()

    async def _judge(self, node: Node) -> None:
        line = node.line()
        since = next((place for place, above in enumerate(line) if above.birth is None), len(line))
        if since == len(line):
            return
        if self.kind is Kind.OUTCOME:
            since = len(line) - 1 if node.finished else len(line)
        scores = await self._scores(node.steps(), since)
        for above, score in zip(line[since:], scores, strict=True):
            above.score = score
        for above in line:
            if above.birth is None:
                above.birth = self.tree.ledger

    async def _scores(self, steps: Sequence[Step], since: int) -> list[float]:
        """The scores of steps[since:]; a prefix that this search has asked about before costs nothing again."""
        path = tuple((step.text, step.token_ids) for step in steps)
        prefixes = [path[: place + 1] for place in range(since, len(path))]
        while True:
            new = next((place for place, prefix in enumerate(prefixes) if not self._is_known(prefix)), len(prefixes))
            if new < len(prefixes):
                await self._ask_scorer(steps, since + new, prefixes[new:])
            # The rest was asked by others. Where one of them was cancelled, its prefixes are asked for again.
            answers = [self._known[prefix] for prefix in prefixes]
            if others := [answer for answer in answers if not answer.done()]:
                await asyncio.wait(others)
            if not any(answer.cancelled() for answer in answers):
                return [answer.result() for answer in answers]

    def _is_known(self, prefix: Prefix) -> bool:
        return prefix in self._known and not self._known[prefix].cancelled()

    async def _ask_scorer(self, steps: Sequence[Step], since: int, prefixes: Sequence[Prefix]) -> None:
        answers = [asyncio.get_running_loop().create_future() for _ in prefixes]
        self._known.update(zip(prefixes, answers, strict=True))
        try:
            scored = await self._scorer.score(self.tree.question, steps, since)
            scores = [float(score) for score in scored.scores]
            check_scores(self.kind, scores, len(steps) - since)
            self.tree.ledger = self._now().with_scorer(scored.cost)
        except BaseException as failure:
            for answer in answers:
                answer.cancel()
            if isinstance(failure, asyncio.CancelledError) and not _cancelled():
                raise RuntimeError("the scorer cancelled a request by itself") from failure
            raise
        for answer, score in zip(answers, scores, strict=True):
            answer.set_result(score)

    async def _ask(self, request: Coroutine[Any, Any, T]) -> T:
        """Awaits a policy request; one that was cancelled from within is a failure, not the end of the search."""
        try:
            return await request
        except asyncio.CancelledError as failure:
            if _cancelled():
                raise
            raise RuntimeError("the policy cancelled a request by itself") from failure

    async def _all_scored(self) -> None:
        while self._scoring:
            self._idle.clear()
            await self._idle.wait()

    async def _stop(self) -> NoReturn:
        await self._all_scored()
        raise BudgetSpent

    def _write(self, node: Node, index: int, steps: Sequence[Step]) -> Node:
        node = node.add(index, steps[0])
        for step in steps[1:]:
            node = node.add(node.reserve(1).start, step)
        return node

    def _now(self) -> Ledger:
        return self.tree.ledger._replace(seconds=time.monotonic() - self._started)


def _cancelled() -> bool:
    """Whether it is the running task that was cancelled, and not only what it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _merge(written: dict[int, tuple[Step, ...]]) -> dict[int, int]:
    """Keeps the first of the continuations of equal text: {index kept: how many were equal}."""
    first: dict[str, int] = {}
    counts: dict[int, int] = {}
    for index, steps in list(written.items()):
        kept = first.setdefault("".join(step.text for step in steps), index)
        counts[kept] = counts.get(kept, 0) + 1
        if kept != index:
            del written[index]
    return counts
