"""The searches of a server: a checked request becomes a search within the server's limits, and its tree an answer."""

import asyncio
import secrets
from dataclasses import dataclass, fields, replace

from experiments.analysis.solution import Solution
from experiments.runs.preflight import check_selection, with_logprobs
from experiments.serving.answer import Answer, answer_of
from experiments.serving.capped import Capped
from experiments.serving.gate import Gate
from experiments.serving.metrics import Metrics
from experiments.serving.models import Models
from experiments.serving.refusals import Refusal, refusal_of, wrong
from experiments.serving.schema import Asked, Chat
from search.answers.answers import Answers
from search.answers.selection import Rule, Selection
from search.errors import KindError, KnobError, WorkerDied
from search.protocols import Policy, Scorer, takes_ask
from search.solve import Searcher, solve
from search.tree import Tree
from search.tree.cost import Budget


@dataclass(frozen=True)
class Engines:
    """What all searches of a server share. `budget` is the most of each search before the second scorer judges it."""

    policy: Policy
    scorer: Scorer
    second: Scorer | None
    selection: Selection
    answers: Answers
    budget: Budget
    deadline: float
    """seconds after which a search answers with what it has, judged by the second scorer or not"""


@dataclass(frozen=True)
class Plan:
    """A search that is ready to run. `ignored` names the fields of the request that have no effect."""

    question: str
    name: str
    searcher: Searcher
    policy: Policy
    budget: Budget
    selection: Selection
    seed: int
    ignored: tuple[str, ...] = ()


def plan(asked: Asked, engines: Engines, models: Models) -> Plan:
    """The search that a request asks for. Raises Refusal where it cannot be made."""
    chat, knobs = asked.chat, asked.chat.stepsearch
    name, searcher = models.choose(chat.model, knobs.n)
    selection = engines.selection if knobs.selection is None else replace(engines.selection, rule=knobs.selection)
    try:
        check_selection({name: searcher}, engines.scorer, selection, engines.second)
    except (KindError, KnobError) as error:
        raise wrong(str(error), "stepsearch.selection") from error
    policy = with_logprobs(engines.policy, knobs.tree, searcher, engines.scorer, engines.second)
    policy, unused = _policy(chat, policy)
    return Plan(
        asked.question,
        name,
        searcher,
        policy,
        _least(engines.budget, knobs.budget.model_dump()),
        selection,
        secrets.randbelow(1 << 31) if chat.seed is None else chat.seed,
        (*unused, *chat.ignored()),
    )


def _policy(chat: Chat, policy: Policy) -> tuple[Policy, list[str]]:
    """The policy within the request's limits, and the names of the limits that it cannot keep."""
    limits = {"max_tokens": chat.most_tokens, "temperature": chat.heated}
    given = [name for name, value in limits.items() if value is not None]
    if not given:
        return policy, []
    return (Capped(policy, **limits), []) if takes_ask(policy) else (policy, given)


def _least(most: Budget, asked: dict[str, float | None]) -> Budget:
    """The smaller of both limits, each."""
    both = {f.name: (getattr(most, f.name), asked[f.name]) for f in fields(Budget)}
    known = {name: min((v for v in values if v is not None), default=None) for name, values in both.items()}
    return Budget(**known)  # pyright: ignore[reportArgumentType]


class Search:
    """A search that runs, or waits for its turn, from here on; its place is given back whenever it ends.

    Raises Refusal where the gate has no place.
    """

    def __init__(self, plan: Plan, engines: Engines, gate: Gate, metrics: Metrics) -> None:
        gate.take()
        self.plan, self.tree = plan, Tree(plan.question, plan.seed)
        self.waited: float | None = None
        """seconds until its turn; None while it waits"""
        self._engines, self._gate, self._metrics = engines, gate, metrics
        self._stopped = self._searched = self._judged = False
        self.task: asyncio.Task[Answer] = asyncio.create_task(self._run())
        self.task.add_done_callback(lambda _: gate.leave())  # also of a task that was cancelled before it began

    def stop(self) -> None:
        """Ends the search; its answer is what it has by then."""
        if not (self._stopped or self._searched):
            self._stopped = True
            self.task.cancel()

    async def end(self) -> None:
        """Cancels the search where it still runs, and waits until nothing of it is left."""
        self._stopped = False
        self.task.cancel()
        await asyncio.wait({self.task})
        if not self.task.cancelled():
            self.task.exception()  # which the loop would otherwise complain of

    async def _run(self) -> Answer:
        """Raises what the search raises, and Refusal where its turn did not come."""
        began = False
        try:
            async with self._gate.turn() as self.waited:
                began = True
                await self._solve()
        except WorkerDied:
            self._gate.broken = True
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopped or task is None:
                raise
            task.uncancel()
        finally:
            self._searched = True
            if began:
                self._metrics.searches.ended(self.plan.name, self.tree.stopped or "error", self.tree.ledger)
        return await asyncio.to_thread(self._answer)

    async def _solve(self) -> None:
        """The search, and what the second scorer can judge of it until the deadline."""
        plan, parts = self.plan, self._engines
        searched = (plan.question, plan.searcher, plan.policy, parts.scorer, plan.budget)
        clock = asyncio.timeout(None if parts.second is None else parts.deadline)
        try:
            async with clock:
                await solve(*searched, tree=self.tree, second=parts.second, answers=parts.answers)
                self._judged = True
        except TimeoutError:
            if not clock.expired():
                raise
            self.tree.stopped = "budget"

    def _answer(self) -> Answer:
        """By majority where the second scorer has not judged the search: it was stopped, or the deadline came first."""
        unjudged = self._engines.second is not None and not self._judged
        selection = Selection(Rule.MAJORITY) if unjudged else self.plan.selection
        return answer_of(Solution.of(self.tree, selection))


def failure(search: Search) -> Refusal | None:
    """What a search that is done has failed with; None where it has an answer."""
    error = None if search.task.cancelled() else search.task.exception()
    return refusal_of(error) if error is not None else None
