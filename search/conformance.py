"""Does a searcher keep its promises? For a plug-in author's own tests:

from search.conformance import check_searcher

def test_my_searcher():
    check_searcher(MySearcher(n=8))
"""

import asyncio
import dataclasses
import inspect
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from search.errors import KindError
from search.solve import Searcher, solve
from search.tree import Tree
from search.tree.cost import Budget, Cost
from search.tree.event import to_plain
from search.tree.scores import Kind
from search.trial import STEPS, TOKENS, OldTrialPolicy, TrialError, TrialPolicy, TrialScorer

SOLUTION = STEPS * TOKENS  # tokens of the longest solution
BUDGETS = (
    Budget(samples=1),
    Budget(samples=3),
    Budget(generated_tokens=SOLUTION),
    Budget(generated_tokens=5 * SOLUTION),
    Budget(flops=200),
)


class ConformanceError(AssertionError):
    """A plug-in breaks its promises; the message lists every one that it broke."""


def raise_failures(plug_in: object, failures: Sequence[str]) -> None:
    """Raises ConformanceError unless there are none."""
    if failures:
        lines = "".join(f"\n- {line}" for line in dict.fromkeys(failures))
        raise ConformanceError(f"{type(plug_in).__name__} breaks its promises:{lines}")


def excess(cost: Cost, most: Cost) -> str:
    """By which figure a cost exceeds its worst case, in words; empty where it does not, or where one is unknown.

    Cached tokens count as read.
    """
    names, rounded = ("tokens to be read", "generated tokens", "FLOPs"), (0, 0, 1e-6)
    known = [each for each in zip(names, _figures(cost), _figures(most), rounded, strict=True) if None not in each]
    return ", ".join(
        f"{spent:g} {what} and not {limit:g}" for what, spent, limit, slack in known if spent > limit * (1 + slack)
    )


def _figures(cost: Cost) -> tuple[Any, ...]:
    read = (cost + Cost(computed=cost.cached, calls=0)).computed  # None where one of the two is unknown
    return read, cost.generated, cost.flops


def check_searcher(searcher: Searcher, any_order: bool = True, seconds: float = 10.0) -> None:
    """Raises ConformanceError with everything that is wrong with the searcher.

    It is a frozen dataclass of knobs, one of which is its scale, and keeps nothing on itself. It refuses a kind of
    score that it cannot use with KindError, before it asks. The same seed grows the same tree, whatever the order of
    answers (unless `any_order` is False). What it asked for is judged. It ends under every kind of budget, within the
    limit and with an answer, in `seconds` each, also where the policy never ends a solution. The ledger is the sum of
    what policy and scorer cost, also where the search is cancelled, which leaves no task behind. An error of the policy
    passes through it.
    """
    failures = list(_shape(searcher))
    if not failures:
        examiner = _Examiner(searcher, seconds)
        with suppress(TimeoutError):  # which is noted; what follows would take as long
            asyncio.run(_examine(examiner, any_order))
        failures = examiner.failures
    raise_failures(searcher, failures)


def _shape(searcher: Any) -> list[str]:
    """What is wrong with the class."""
    wrong: list[str] = []
    if not dataclasses.is_dataclass(searcher) or not getattr(searcher, "__dataclass_params__").frozen:  # noqa: B009
        return ["knobs: it is no frozen dataclass; write @dataclass(frozen=True) above the class"]
    knobs, scale = [knob.name for knob in dataclasses.fields(searcher)], getattr(searcher, "scale", None)
    if scale not in knobs:
        wrong.append(f"scale: {scale!r} is none of its knobs ({', '.join(knobs)}); name the one that buys more search")
    if not inspect.iscoroutinefunction(getattr(searcher, "search", None)):
        wrong.append("search: it has no `async def search(self, grow)`")
    return wrong


async def _examine(examiner: "_Examiner", any_order: bool) -> None:
    kinds = [kind for kind in Kind if await examiner.accepts(kind)]
    for kind in kinds:
        await examiner.repeats(kind, any_order)
    if not kinds:
        if not examiner.failures:
            examiner.failures.append("kinds: it refuses scores of every kind")
        return
    for budget in BUDGETS:
        await examiner.within(budget, kinds[0])
    await examiner.endless(kinds[0])
    await examiner.by_the_clock(kinds[0])
    for who in ("policy", "scorer"):
        await examiner.cancelled(kinds[0], who)
    for request in (0, 2):
        await examiner.fails(kinds[0], request)


@dataclass
class _Run:
    """One search, and who was asked."""

    policy: OldTrialPolicy
    scorer: TrialScorer
    tree: Tree = field(default_factory=lambda: Tree("trial", 7))
    error: BaseException | None = None


@dataclass
class _Examiner:
    """Searches, and notes what is wrong."""

    searcher: Searcher
    seconds: float
    failures: list[str] = field(default_factory=list[str])

    async def run(
        self, how: str, run: _Run, budget: Budget | None = None, turns: int = 0, expected: tuple[type, ...] = ()
    ) -> _Run:
        """A search to its end, or until it is cancelled after so many turns of the loop."""
        before = repr(vars(self.searcher))
        search = asyncio.ensure_future(
            _outcome(solve("trial", self.searcher, run.policy, run.scorer, budget, tree=run.tree))
        )
        if turns:
            for _ in range(turns):
                await asyncio.sleep(0)
            search.cancel()
        done, _ = await asyncio.wait([search], timeout=self.seconds)
        if not done:
            self.failures.append(f"{how}: it does not end; stopped after {self.seconds:g} seconds")
            search.cancel()
            await asyncio.wait([search], timeout=self.seconds)
            raise TimeoutError
        run.error = search.result()
        if run.error and not isinstance(run.error, expected):
            self.failures.append(f"{how}: it raises {type(run.error).__name__}: {run.error}")
        if repr(vars(self.searcher)) != before:
            self.failures.append(f"knobs: it keeps something of a search on itself, now {self.searcher}")
        await self._leaves_nothing(how)
        self._adds_up(how, run)
        return run

    async def _leaves_nothing(self, how: str) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]
        for task in left:
            task.cancel()
        if left:
            self.failures.append(f"{how}: it leaves {len(left)} tasks behind; use a TaskGroup")
            await asyncio.wait(left, timeout=self.seconds)

    def _adds_up(self, how: str, run: _Run) -> None:
        ledger, policy, scorer = run.tree.ledger, run.policy.spent, run.scorer.spent
        figures = (
            ("generated_tokens", policy.generated),
            ("policy_calls", policy.calls),
            ("scorer_tokens_computed", scorer.computed),
            ("scorer_calls", scorer.calls),
        )
        for name, spent in figures:
            if getattr(ledger, name) != spent:
                self.failures.append(f"ledger: {how}: {name} is {getattr(ledger, name)}, and {spent} were spent")

    async def accepts(self, kind: Kind) -> bool:
        """Whether it takes scores of the kind; judges all, then."""
        run = await self.run(f"kind {kind}", _Run(TrialPolicy(), TrialScorer(kind=kind)), expected=(KindError,))
        if isinstance(run.error, KindError):
            if run.policy.asked:
                self.failures.append(f"kind {kind}: it is refused after {run.policy.asked} requests; refuse it at once")
            return False
        if unjudged := sum(node.birth is None for node in run.tree.nodes() if node.depth):
            self.failures.append(f"judged: kind {kind}: {unjudged} nodes are not; use grow.extend, or grow.score them")
        return run.error is None

    async def repeats(self, kind: Kind, any_order: bool) -> None:
        orders = (0, 1, 2) if any_order else (0, 0)
        runs = [_Run(TrialPolicy(order), TrialScorer(order, kind=kind)) for order in orders]
        first, *others = [_plain((await self.run(f"kind {kind}", run)).tree) for run in runs]
        if any(other != first for other in others):
            how = "in another order of answers" if any_order else "again"
            self.failures.append(f"seed: kind {kind}: the same seed grows another tree {how}")

    async def within(self, budget: Budget, kind: Kind) -> None:
        """Nothing is promised of the limit where policies do not tell their worst case."""
        await self.run(f"{budget}, an older policy", _Run(OldTrialPolicy(), TrialScorer(kind=kind)), budget)
        run = await self.run(str(budget), _Run(TrialPolicy(), TrialScorer(kind=kind)), budget)
        for name, limit in budget.limits().items():
            spent, over = getattr(run.tree.ledger, name), 9.0 * SOLUTION if name == "flops" else 0.0
            if spent > limit + over:
                self.failures.append(f"budget: {budget}: it spends {spent:g}")
        if not run.error and not any(leaf.finished for leaf in run.tree.leaves()):
            self.failures.append(f"answer: {budget}: no solution is finished; {SOLUTION} tokens are enough for one")

    async def endless(self, kind: Kind) -> None:
        await self.run(
            "a policy that never ends a solution",
            _Run(TrialPolicy(endless=True), TrialScorer(kind=kind)),
            Budget(generated_tokens=50 * SOLUTION),
        )

    async def by_the_clock(self, kind: Kind) -> None:
        run = _Run(TrialPolicy(seconds=0.002), TrialScorer(seconds=0.002, kind=kind))
        await self.run("a limit of 9 ms", run, Budget(seconds=0.009))

    async def cancelled(self, kind: Kind, who: str) -> None:
        """While policy or scorer is at its first request."""
        run = _Run(TrialPolicy(), TrialScorer(kind=kind))
        late = run.policy if who == "policy" else run.scorer
        late.seconds, how = 0.05, f"cancelled while the {who} is at it"
        await self.run(how, run, None, 30, (asyncio.CancelledError,))
        if not isinstance(run.error, asyncio.CancelledError) and late.asked:
            self.failures.append(f"{how}: it goes on; let CancelledError pass")

    async def fails(self, kind: Kind, request: int) -> None:
        how = f"the policy fails at request {request + 1}"
        failing = _Run(TrialPolicy(fails_at=request), TrialScorer(kind=kind))
        run = await self.run(how, failing, expected=(TrialError,))
        if run.policy.asked > request and not isinstance(run.error, TrialError):
            self.failures.append(f"{how}: its error is lost; let it pass")


async def _outcome(search: Coroutine[Any, Any, Tree]) -> BaseException | None:
    """What a search raises."""
    try:
        await search
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


def _plain(tree: Tree) -> Any:
    """All of a tree that must not depend on the order of answers; births do."""
    nodes = {node.path: (node.step, node.score, to_plain(node.stats, _path)) for node in tree.nodes()}
    return nodes, [(event.name, to_plain(event.data, _path)) for event in tree.record]


def _path(node: Any) -> tuple[int, ...]:
    return node.path
