"""Searches on stand-ins for `vllm serve`, and what is compared of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from policies.vllm import VLLM
from scorers.checks import Checks
from search import Beam, BestOfN, Job, Ledger, Tree, solve
from search.solve import solve_all
from tests.engines.stub import Stub
from tests.models import QUESTIONS, run_all

KNOBS: Any = {"max_steps": 5, "max_step_tokens": 12, "max_tokens": 60, "patience": 20.0}


def policy_on(*stubs: Stub, **knobs: Any) -> VLLM:
    return VLLM(url=[stub.url for stub in stubs], **{**KNOBS, **knobs})


def jobs(policy: Any, scorer: Any, n: int = 4) -> list[Job]:
    searchers = BestOfN(n), Beam(n, 2)
    return [Job(q, each, policy, scorer, name=(q, i)) for q in QUESTIONS for i, each in enumerate(searchers)]


def grown(policy: Any, scorer: Any = None, n: int = 4) -> dict[Any, Tree]:
    ended = run_all(jobs(policy, scorer or Checks(), n))
    assert not [each.error for each in ended if each.error]
    return {each.job.name: each.tree for each in ended}


def texts(trees: dict[Any, Tree]) -> Any:
    """All that a tree says but its clock and costs."""
    return {name: [(node.path, node.step, node.score) for node in tree.nodes()] for name, tree in sorted(trees.items())}


def ledgers(trees: dict[Any, Tree]) -> list[Ledger]:
    return [tree.ledger._replace(seconds=0.0) for _, tree in sorted(trees.items())]


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def die_at_work(stub: Stub) -> None:
    """Ends it while it works on a request."""
    until(lambda: stub.salts())
    before, stub.delay = stub.delay, 30.0
    until(lambda: stub.delay in stub.delays)
    stub.die()
    stub.delay = before


def grown_or_raise(policy: VLLM) -> None:
    asyncio.run(solve(QUESTIONS[0], BestOfN(2), policy, Checks()))


async def collect(work: list[Job], ended: dict[Any, Tree]) -> None:
    async for each in solve_all(work):
        assert each.error is None
        ended[each.job.name] = each.tree
