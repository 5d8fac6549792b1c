"""Runs searches: one, or many at once with bounded concurrency and failures kept apart; judges finished ones anew."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

from search.account import Account
from search.answers.answers import Answers
from search.door import check_arguments
from search.errors import KnobError
from search.grow import Grower
from search.judge import Judge
from search.protocols import Policy, Scorer, check_fit, joined
from search.tasks import first_error, pool
from search.tree import Node, Tree
from search.tree.cost import Budget, BudgetSpent
from search.tree.tree import DRAWS

search_id: ContextVar[str | None] = ContextVar("search_id", default=None)
"""Names the running search to an engine whose cache outlives it, so that a search is charged what it costs alone."""

search_end: ContextVar[ExitStack | None] = ContextVar("search_end", default=None)
"""What is to be done once the running search has ended, whoever asked for it; None outside of searches."""

SECOND = "second"
"""The name of the marks that `solve` writes."""


class Searcher(Protocol):
    """An algorithm: a frozen dataclass of knobs that keeps nothing of a search on itself.

    `scale` names the knob that buys more search: what a list of budgets sets, and what column `n` reports. Class
    attributes may say more, each False where it is missing:
    `independent`: its leaves are independent samples, and any k of n are a run of k;
    `anytime`: it finishes leaves as it goes, and its tree holds the answer at any smaller budget;
    `reduction`: by which it compares the values of open nodes (the scorer kind's own where it is missing or None);
    `populations`: it notes populations with log-weights, by which the particle rule weighs answers (unknown where it is
    missing);
    `reads_logprobs`: whether it reads the log-probabilities of tokens (where it is missing, they are kept for it).
    """

    @property
    def scale(self) -> str: ...

    async def search(self, grow: Grower) -> None:
        """Grows `grow.tree`; everything else is read off it afterwards."""
        ...


async def solve(
    question: str,
    searcher: Searcher,
    policy: Policy,
    scorer: Scorer,
    budget: Budget | None = None,
    seed: int | None = None,
    *,
    tree: Tree | None = None,
    second: Scorer | None = None,
    answers: Answers | None = None,
) -> Tree:
    """Searches one question and returns the tree it grew; `Selection` reads the answer off it.

    The budget stops the search without an error; any other failure of policy, scorer or searcher is raised, alone
    where it came alone. `seed` None is the tree's own, or 0. A caller that hands in its own `tree` keeps what was done
    when the search is cancelled. Raises ValueError where that tree is of another question or seed, KnobError where an
    argument is not what its place says, and as `check_fit`.

    Once the search has ended, by itself or at its budget, `second` judges its finished leaves, and
    `Selection(by="second")` chooses by it. The search's ledger is charged for that, on top of the budget. `answers`
    says how answers are read from solutions and compared.
    """
    check_arguments(question, searcher, policy, scorer, budget, second)
    check_fit(policy, searcher, scorer, second)
    scorer, second = joined(scorer, policy), joined(second, policy)
    tree = tree or Tree(question, seed or 0)
    if tree.question != question or seed not in (None, tree.seed):
        raise ValueError(f"the tree is of {tree.question!r} with seed {tree.seed}, not of {question!r} with {seed}")
    tree.kind, tree.budget = scorer.kind, budget or Budget()
    tree.answers = answers or tree.answers
    grow = Grower(tree, policy, scorer, getattr(searcher, "reduction", None))
    ends = ExitStack()
    named, ending = search_id.set(uuid4().hex), search_end.set(ends)
    try:
        tree.stopped = await _until_budget(searcher, grow)
        if second is not None:
            await grow.mark(SECOND, second, *_finished(tree))
        return tree
    except BaseException as error:
        tree.stopped = "cancelled" if isinstance(error, asyncio.CancelledError) else "error"
        failure = first_error(error)
    finally:
        search_id.reset(named)
        search_end.reset(ending)
        ends.close()
        grow.close()
    # Raised out here, it keeps a cause and context of its own: its group as either would contain it, a cycle.
    try:
        raise failure
    finally:
        del failure


async def _until_budget(searcher: Searcher, grow: Grower) -> str:
    """Runs the search; says whether it came to its own end or to the budget's."""
    clock = asyncio.timeout(grow.tree.budget.seconds)
    stopped = "done"
    try:
        async with clock:
            try:
                await searcher.search(grow)
            except* BudgetSpent:
                stopped = "budget"
            await grow.complete()
    except TimeoutError:
        if not clock.expired():
            raise
        stopped = "budget"
    return stopped


async def mark(tree: Tree, name: str, scorer: Scorer) -> None:
    """Judges the finished leaves of a tree, also one from a file, by a scorer that `Selection(by=name)` chooses by.

    Its numbers replace those of the same name; its cost is added to the tree's ledger. Raises KindError for a scorer
    that ranks siblings, and ScoreError as in a search; the marks are then as before.
    """
    account, ends = Account(tree), ExitStack()
    named, ending = search_id.set(uuid4().hex), search_end.set(ends)
    try:
        await Judge(tree, scorer, account, name).mark(_finished(tree))
    finally:
        search_id.reset(named)
        search_end.reset(ending)
        ends.close()
        account.close()


def _finished(tree: Tree) -> list[Node]:
    return [leaf for leaf in tree.leaves() if leaf.finished]


@dataclass(frozen=True)
class Job:
    """One search to run; `name` is the caller's own."""

    question: str
    searcher: Searcher
    policy: Policy
    scorer: Scorer
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    name: Any = None
    draws: int = DRAWS
    """how random draws are keyed (`Tree.draws`)"""
    second: Scorer | None = None
    """judges the finished leaves once the search has ended"""
    answers: Answers | None = None
    """how answers are read and compared"""


class Solved(NamedTuple):
    """A job that ended: its tree, and what failed if something did."""

    job: Job
    tree: Tree
    error: Exception | None


async def solve_all(
    jobs: Iterable[Job], concurrency: int = 64, late: list[Solved] | None = None
) -> AsyncIterator[Solved]:
    """Yields jobs as they end, `concurrency` of them in flight; a failure stays with its job.

    Closing the iterator, or cancelling who iterates, cancels what is in flight; what had ended by then and was not yet
    yielded is added to `late`. Raises KnobError unless `concurrency` is at least 1.
    """
    if concurrency < 1:
        raise KnobError(f"solve_all's concurrency is {concurrency}; it must be >= 1")
    async with aclosing(pool((_run(job) for job in jobs), concurrency, late)) as ended:
        async for solved in ended:
            yield solved


async def _run(job: Job) -> Solved:
    tree = Tree(job.question, job.seed, draws=job.draws)
    try:
        if not job.question.strip():
            raise ValueError("the question is empty")
        await solve(
            job.question,
            job.searcher,
            job.policy,
            job.scorer,
            job.budget,
            tree=tree,
            second=job.second,
            answers=job.answers,
        )
    except Exception as error:
        return Solved(job, tree, error)
    return Solved(job, tree, None)
