"""Searchers to test, wrappers that count, delay, fail or take turns, and ways to run and to read a search."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from search import (
    ABMCTS,
    DVTS,
    MCTS,
    Again,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    Cost,
    DeepConf,
    DiverseBeam,
    EntropicFilter,
    Extension,
    Gumbel,
    Kind,
    Ledger,
    Lookahead,
    Node,
    ParticleFilter,
    ParticleGibbs,
    Rebase,
    Scored,
    Step,
    Tree,
    solve,
)
from search.protocols import Policy, Scorer
from search.solve import Searcher
from search.tree.event import to_plain
from search.tree.node import Path

T = TypeVar("T")

SEARCHERS: dict[str, Searcher] = {
    "best_of_n": BestOfN(n=6),
    "beam": Beam(n=8, branch=2),
    "mcts": MCTS(simulations=24, in_flight=1),
    "particle_filter": ParticleFilter(n=6),
    "particle_gibbs": ParticleGibbs(n=3, iterations=3),
    "entropic_filter": EntropicFilter(n=6),
    "ab_mcts": ABMCTS(simulations=24),
    "gumbel": Gumbel(n=6, considered=4, drawn=16),
    "rebase": Rebase(n=6),
    "dvts": DVTS(n=6, branch=2),
    "lookahead": Lookahead(n=6, branch=2, ahead=2),
    "best_first": BestFirst(n=8, branch=3),
    "backoff": BackOff(n=6, branch=2),
    "diverse_beam": DiverseBeam(n=8, branch=2, groups=2),
    "backtracking": Backtracking(n=8, branch=2),
    "deepconf": DeepConf(n=6, warmup=2, keep=0.5, window=2),
    "again": Again(Rebase(n=3), times=3, sure=1),
}
PARALLEL = SEARCHERS | {"mcts_4": MCTS(simulations=24, in_flight=4)}


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
    """Counts requests and their cost independently of the ledger; raises `failure` at request number `fail_at`."""

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
    """Another searcher, with one request in flight at a time."""

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
    seed: int | None = None,
    tree: Tree | None = None,
) -> Tree:
    return asyncio.run(
        solve("question" if tree is None else tree.question, searcher, policy, scorer, budget, seed, tree=tree)
    )


def now(request: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        request.send(None)
    except StopIteration as answer:
        return answer.value
    raise AssertionError("it waited")


def path(node: Node) -> Path:
    return node.path


def shape(tree: Tree, budget: Budget | None = None) -> dict[str, Any]:
    """All of a tree that must not depend on the order of answers. Births do depend on it."""
    nodes = {node.path: (node.step, node.score, node.stats) for node in tree.born(budget)}
    return {"nodes": nodes, "record": [(event.name, to_plain(event.data, path)) for event in tree.record]}


def timeless(ledger: Ledger | None) -> Ledger | None:
    return ledger and ledger._replace(seconds=0.0)


async def settle() -> set[asyncio.Task[Any]]:
    """The tasks that are left beside the running one, after one turn in which cancelled ones may end."""
    await asyncio.sleep(0)
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def until(happened: Callable[[], Any]) -> None:
    """Waits until the condition holds."""
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

        gc.freeze()  # a collection walks what this run left, not the heap of the model libraries
        try:
            return asyncio.run(watched())
        finally:
            gc.collect()
            gc.unfreeze()


def z_score(values: Iterable[float], expected: float) -> float:
    """(mean - expected) / standard error. The caller asserts that there is variance."""
    array = np.array(list(values))
    return float((array.mean() - expected) / (array.std(ddof=1) / np.sqrt(len(array))))


def ascending(values: Sequence[Any]) -> bool:
    return all(left <= right for left, right in pairwise(values))
