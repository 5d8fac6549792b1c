"""Hand-made worlds, and policies, scorers and searchers that count, delay, fail or take turns."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from policies.engines.world import Place
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    MCTS,
    Beam,
    BestOfN,
    Budget,
    Cost,
    End,
    Extension,
    Kind,
    Ledger,
    Node,
    ParticleFilter,
    Scored,
    Step,
    Tree,
    solve,
)
from search.protocols import Policy, Scorer
from search.solve import Searcher

T = TypeVar("T")

SEARCHERS: dict[str, Searcher] = {
    "best_of_n": BestOfN(n=6),
    "beam": Beam(n=8, branch=2),
    "mcts": MCTS(simulations=24, branch=3, in_flight=1),
    "particle_filter": ParticleFilter(n=6),
}
PARALLEL = SEARCHERS | {"mcts_4": MCTS(simulations=24, branch=3, in_flight=4)}


# worlds


def leaf(answer: int, worth: float = 0.0, probability: float = 1.0) -> Place:
    return Place(f"\\boxed{{{answer}}}", probability, worth=worth)


def place(name: str, *children: Place, probability: float = 1.0) -> Place:
    return Place(f"{name}\n\n", probability, children)


def world(*children: Place) -> Place:
    return Place("", 1.0, children)


def chain(name: str, length: int, end: Place, probability: float = 1.0) -> Place:
    """`length` steps without a choice, then `end`."""
    below = end
    for depth in reversed(range(length)):
        below = place(f"{name}{depth}", below, probability=1.0 if depth else probability)
    return below


def leaves(
    root: Place, probability: float = 1.0, path: tuple[int, ...] = ()
) -> list[tuple[tuple[int, ...], float, Place]]:
    """(path, probability, place) of every leaf below."""
    if not root.children:
        return [(path, probability, root)]
    below = enumerate(root.children)
    return [entry for i, child in below for entry in leaves(child, probability * child.probability, (*path, i))]


NOWHERE = Place("")
UNEVEN = world(
    place("a", leaf(1, 0.9, 0.3), leaf(2, 0.05, 0.7), probability=0.6),
    place("b", leaf(3, 0.3, 0.5), place("c", leaf(4, 0.99, 0.2), leaf(5, 0.5, 0.8), probability=0.5), probability=0.3),
    leaf(6, 0.02, 0.1),
)
"""Solutions of one, two and three steps, of very different values."""


@dataclass(frozen=True)
class Walk(Toy):
    """The toy policy in a hand-made world."""

    root: Place = NOWHERE

    @property
    def world(self) -> Place:
        return self.root


@dataclass(frozen=True)
class Short(Walk):
    """The same, cut at `limit` steps."""

    limit: int = 1

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds)
        return extension._replace(continuations=tuple(self._cut(node.depth, s) for s in extension.continuations))

    def _cut(self, depth: int, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        steps = steps[: self.limit - depth]
        if depth + len(steps) < self.limit or steps[-1].finished:
            return steps
        return (*steps[:-1], replace(steps[-1], end=End.MAX_STEPS))


@dataclass(frozen=True)
class Values(ToyScorer):
    """Exact values of a hand-made world."""

    root: Place = NOWHERE

    @property
    def world(self) -> Place:
        return self.root


@dataclass(frozen=True)
class By:
    """A scorer that is a function of the path so far: one call, a token and a FLOP a step it has to judge."""

    score_of: Callable[[Sequence[Step]], float]
    kind: Kind = Kind.VALUE

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        scores = [self.score_of(steps[: place + 1]) for place in range(since, len(steps))]
        return Scored(scores, Cost(computed=len(scores), flops=float(len(scores))))


def by_text(scores: dict[str, float], kind: Kind = Kind.VALUE) -> By:
    """A step's score by its text, the delimiter left out; 0 for those that are not given."""
    return By(lambda steps: scores.get(steps[-1].text.strip(), 0.0), kind)


# wrappers


@dataclass
class Delayed:
    """Answers after a random number of turns of the loop, so that requests overtake each other."""

    inner: Any
    seed: int
    most: int = 12

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    async def extend(self, *request: Any, **named: Any) -> Extension:
        return await self._late(self.inner.extend(*request, **named))

    async def score(self, *request: Any, **named: Any) -> Scored:
        return await self._late(self.inner.score(*request, **named))

    async def _late(self, request: Coroutine[Any, Any, T]) -> T:
        turns = int(self._rng.integers(self.most))
        answer = await request
        for _ in range(turns):
            await asyncio.sleep(0)
        return answer


@dataclass
class Counted:
    """Counts by itself what is asked and what it costs; fails, where told to, at that request."""

    inner: Any
    fail_at: int | None = None
    failure: BaseException = field(default_factory=lambda: RuntimeError("out of order"))
    costs: list[Cost] = field(default_factory=list)
    nodes: list[tuple[tuple[int, ...], int, int | None]] = field(default_factory=list)  # path, n, max_steps
    prefixes: list[tuple[str, ...]] = field(default_factory=list)  # one for each step that was to be judged
    question_tokens: int = 0
    asked: int = 0
    pending: int = 0

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    async def extend(self, node: Any, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        self.nodes.append((node.path, n, max_steps))
        extension = await self._count(self.inner.extend(node, n, max_steps, seeds))
        self.question_tokens = extension.question_tokens
        return extension

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        texts = tuple(step.text for step in steps)
        self.prefixes += [texts[: place + 1] for place in range(since, len(texts))]
        return await self._count(self.inner.score(question, steps, since))

    async def _count(self, request: Coroutine[Any, Any, Any]) -> Any:
        self.asked += 1
        self.pending += 1
        try:
            if self.asked == self.fail_at:
                request.close()
                await asyncio.sleep(0)
                raise self.failure
            answer = await request
        finally:
            self.pending -= 1
        self.costs.append(answer.cost)
        return answer


@dataclass(frozen=True)
class OneAtATime:
    """Another searcher, of whose requests only one is in flight."""

    inner: Searcher
    scale = "n"

    async def search(self, grow: Any) -> None:
        await self.inner.search(_Turns(grow))  # type: ignore[arg-type]


class _Turns:
    def __init__(self, grow: Any) -> None:
        self._grow, self._turn = grow, asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grow, name)

    async def extend(self, *request: Any, **knobs: Any) -> Any:
        async with self._turn:
            return await self._grow.extend(*request, **knobs)

    async def sample(self, *request: Any, **knobs: Any) -> Any:
        async with self._turn:
            return await self._grow.sample(*request, **knobs)

    async def score(self, *nodes: Any) -> None:
        async with self._turn:
            await self._grow.score(*nodes)


# running and reading


def run(
    searcher: Searcher,
    policy: Policy,
    scorer: Scorer,
    budget: Budget | None = None,
    seed: int = 0,
    tree: Tree | None = None,
) -> Tree:
    return asyncio.run(solve("question", searcher, policy, scorer, budget, seed, tree=tree))


def now(request: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        request.send(None)
    except StopIteration as answer:
        return answer.value
    raise AssertionError("it waited")


def shape(tree: Tree, budget: Budget | None = None) -> dict[str, Any]:
    """All that must not depend on the order of answers: births, and with them the ledger, do."""
    nodes = {node.path: (node.step, node.score, node.stats) for node in tree.born(budget)}
    return {"nodes": nodes, "record": [(event.name, event.data) for event in tree.record]}


def timeless(ledger: Ledger | None) -> Ledger | None:
    return ledger and ledger._replace(seconds=0.0)


async def settle() -> set[asyncio.Task[Any]]:
    """The tasks that are left beside the running one, once what was cancelled has had its turn."""
    await asyncio.sleep(0)
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def until(happened: Callable[[], Any]) -> None:
    """Lets the others have their turns until it has."""
    while not happened():  # noqa: ASYNC110 — what is waited for happens in a thread, or sets no event
        await asyncio.sleep(0.0005)


class Loop:
    """Runs a coroutine and keeps what the event loop would otherwise only log."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        async def watched() -> T:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: self.complaints.append(str(context)))
            return await main

        answer = asyncio.run(watched())
        gc.collect()
        return answer


def z_score(values: Iterable[float], expected: float) -> float:
    """(mean - expected) / standard error. The caller asserts that there is variance."""
    array = np.array(list(values))
    return float((array.mean() - expected) / (array.std(ddof=1) / np.sqrt(len(array))))


def ascending(values: Sequence[Any]) -> bool:
    return all(left <= right for left, right in pairwise(values))


# batches


def unpadded(ids: Any) -> Any:
    """Which tokens of a batch padded on the right, [rows, tokens], stand before the zeros at the end of their row."""
    return ids.ne(0).flip(1).cumsum(1).flip(1).gt(0)
