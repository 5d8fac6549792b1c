"""A scorer of the user's own: any object with one method becomes what a search asks.

    class Short:
        def score(self, question, steps):
            return [1 / (1 + len(step.text)) for step in steps]

`score` returns one number for every step. It may be a coroutine; a plain one runs in a thread, one call at a time.
`score_many(pairs)`, a list of (question, steps), is called instead where there is one, with all waiting pairs.
`kind` says what the numbers mean (correctness where it is left out). To report the cost of a call, or to judge
only new steps, write the full protocol: `async def score(self, question, steps, since)`, which returns Scored.
With `thoughts = True` it is given the steps of a policy's thought, too; with `reads_logprobs = False` their
log-probabilities may be missing, which makes vLLM faster.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from policies.engines.batching import Batcher, Ticket
from policies.engines.daemon_thread import DaemonThread
from search.errors import ScoreError, TookTooLong
from search.protocols import Scored, Scorer
from search.tree import Node
from search.tree.cost import Cost
from search.tree.scores import Kind
from search.tree.step import Step

Pair = tuple[str, list[Step]]
UNKNOWN = Cost(calls=1, flops=None)


class ScorerError(TypeError):
    """An object cannot be a scorer: its class, what is wrong, and what to write instead."""


def adapt(scorer: object, timeout: float | None = None) -> Scorer:
    """The scorer that a search can ask. Raises ScorerError where the object cannot be one.

    A call that takes more than `timeout` seconds (None: any time) is made once more and then raises TookTooLong, a
    TimeoutError, in its search.
    """
    name, kind = type(scorer).__name__, _kind(scorer)
    reads = timeout, bool(getattr(scorer, "thoughts", False)), getattr(scorer, "reads_logprobs", None)
    if isinstance(scorer, type):
        raise ScorerError(f"{scorer.__name__} is a class: give an object of it, {scorer.__name__}(...)")
    many, score = getattr(scorer, "score_many", None), getattr(scorer, "score", None)
    if many is not None:
        _check(f"{name}.score_many", many, "a plain method of (pairs)", inspect.iscoroutinefunction(many), [()])
        return Many(name, kind, many, _batch_size(scorer), *reads)
    if score is None:
        raise ScorerError(f"{name} has no method `score`: write `def score(self, question, steps)`")
    if inspect.iscoroutinefunction(score) and _takes(score, "", [], 0):
        return Full(
            name, kind, score, getattr(scorer, "worst_case", None), *reads, getattr(scorer, "with_policy", None)
        )
    expected = "(question, steps), or a coroutine of (question, steps, since)"
    _check(f"{name}.score", score, expected, False, ["", []])
    if inspect.iscoroutinefunction(score):
        return Plain(name, kind, score, *reads)
    return Many(name, kind, lambda pairs: [score(*pair) for pair in pairs], 1, *reads)


@dataclass(frozen=True)
class Full:
    """A scorer that implements the full protocol; its answers are checked."""

    name: str
    kind: Kind
    ask: Callable[..., Any]
    limit: Callable[[Node, int], Cost | None] | None = None
    timeout: float | None = None
    thoughts: bool = False
    reads_logprobs: bool | None = None
    join: Callable[[Any], object] | None = None

    def with_policy(self, policy: Any) -> Scorer:
        """What the scorer's own method returns; itself where it has none."""
        return self if self.join is None else adapt(self.join(policy), self.timeout)

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """The scorer's own; None where it has none."""
        return None if self.limit is None else self.limit(node, tokens)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        scored = await _within(self.timeout, self.ask(question, steps, since))
        if not (hasattr(scored, "scores") and hasattr(scored, "cost")):
            raise ScoreError(f"{self.name}.score returned a {type(scored).__name__}: return Scored(scores, Cost(...))")
        return scored


@dataclass(frozen=True)
class Plain:
    """A coroutine that returns a number for every step."""

    name: str
    kind: Kind
    ask: Callable[..., Any]
    timeout: float | None = None
    thoughts: bool = False
    reads_logprobs: bool | None = None

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        answer = await _within(self.timeout, self.ask(question, list(steps)))
        return Scored(numbers(self.name, self.kind, answer, len(steps))[since:], UNKNOWN)


class Many:
    """A plain method that judges several solutions at once, behind the queue that gathers them.

    Where it hangs, neither Ctrl-C nor the end of the process waits for it.
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        ask: Callable[[list[Pair]], Any],
        batch_size: int,
        timeout: float | None = None,
        thoughts: bool = False,
        reads_logprobs: bool | None = None,
    ) -> None:
        self.name, self.kind, self._ask, self.thoughts = name, kind, ask, thoughts
        self.reads_logprobs = reads_logprobs
        self._batch: Batcher[Pair, list[float]] = Batcher(self._run, batch_size, thread=DaemonThread, timeout=timeout)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        return Scored((await self._batch((question, list(steps))))[since:], UNKNOWN)

    def _run(self, tickets: Sequence[Ticket[Pair]]) -> list[list[float]]:
        pairs = [ticket.item for ticket in tickets]
        answers = list(self._ask(pairs))
        if len(answers) != len(pairs):
            raise ScoreError(f"{self.name}.score_many returned {len(answers)} lists for {len(pairs)} solutions")
        lengths = [len(steps) for _, steps in pairs]
        return [numbers(self.name, self.kind, answer, n) for answer, n in zip(answers, lengths, strict=True)]


async def _within(seconds: float | None, answer: Awaitable[Any]) -> Any:
    """The answer. Raises TookTooLong where it takes longer."""
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            return await answer
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise TookTooLong(f"no answer within {seconds:g} s") from error


def numbers(name: str, kind: Kind, answer: Any, steps: int) -> list[float]:
    """A number for every step. An outcome scorer may return that of the solution alone, which is the last step's.

    Raises ScoreError where there are more or fewer, or what was returned is not a list of numbers.
    """
    try:
        values = [float(number) for number in answer]
    except (TypeError, ValueError) as error:
        expected = f"return a list of {steps} numbers"
        raise ScoreError(f"{name} returned {answer!r:.60} for {steps} steps: {expected}") from error
    if kind is Kind.OUTCOME and len(values) == 1:
        values = [values[0]] * steps
    if len(values) != steps:
        raise ScoreError(f"{name} returned {len(values)} numbers for {steps} steps: return one for every step")
    return values


def _kind(scorer: object) -> Kind:
    kind = getattr(scorer, "kind", Kind.CORRECTNESS)
    try:
        return Kind(kind)
    except ValueError as error:
        known = ", ".join(Kind)
        raise ScorerError(f"{type(scorer).__name__}.kind is {kind!r}: choose from {known}") from error


def _batch_size(scorer: object) -> int:
    size = getattr(scorer, "batch_size", 32)
    if not isinstance(size, int) or size < 1:
        raise ScorerError(f"{type(scorer).__name__}.batch_size is {size!r}: the most pairs for score_many, 1 or more")
    return size


def _check(method: str, function: Any, expected: str, is_wrong: bool, arguments: Sequence[Any]) -> None:
    if is_wrong or not callable(function) or not _takes(function, *arguments):
        signature = inspect.signature(function) if callable(function) else f" = {function!r}"
        kind = "a coroutine " if inspect.iscoroutinefunction(function) else ""
        raise ScorerError(f"{method} is {kind}{signature}: it must be {expected}")


def _takes(function: Callable[..., Any], *arguments: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    return True
