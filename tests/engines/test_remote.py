"""Policies and scorers behind URLs, against stand-ins for `vllm serve`: trees, costs, fleets, deaths."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from policies.engines.models import ModelError
from policies.engines.routes import COMPLETIONS, GENERATE
from policies.engines.server import EngineDied
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checks import Checks
from scorers.prm import PRM
from search import BestOfN, Budget, Job, Tree, solve
from search.solve import solve_all
from tests.engines.served_searches import (
    collect,
    die_at_work,
    grown,
    jobs,
    ledgers,
    policy_on,
    texts,
    until,
)
from tests.models import QUESTIONS, total

pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
pytestmark = pytest.mark.usefixtures("quick")


def test_trees_and_costs_are_those_that_the_servers_counted(stub: Any):
    writer, judge = stub(), stub("tiny-prm")
    trees = grown(policy_on(writer), PRM(engine=Engine.VLLM, url=[judge.url]))
    for server, kind in ((writer, "prompt"), (judge, "scorer")):
        for figure in ("computed", "cached"):
            assert total(ledgers(trees), f"{kind}_tokens_{figure}") == server.counted[figure] > 0
    assert total(ledgers(trees), "generated_tokens") == writer.counted["generated"]
    assert not any(ledger.at_least for ledger in ledgers(trees))
    assert all(ledger.flops for ledger in ledgers(trees))


def test_a_tree_stays_on_its_server_and_they_are_balanced(stub: Any):
    one, two = stub(), stub()
    alone = grown(policy_on(stub()))
    policy = policy_on(one, two)
    servers, live = policy.engine.server.servers, list[list[int]]()
    one.before = two.before = lambda: live.append([server.trees for server in servers])
    trees = grown(policy)
    assert texts(trees) == texts(alone) and ledgers(trees) == ledgers(alone)
    assert one.salts() and two.salts() and not one.salts() & two.salts()
    assert max(abs(a - b) for a, b in live[: len(QUESTIONS)]) <= 1
    time.sleep(0.05)
    assert [server.trees for server in servers] == [0, 0], "a tree was not forgotten"


def test_new_trees_go_where_fewest_live(stub: Any):
    """Searches that begin and end at different times."""
    one, two = stub(), stub()
    policy = policy_on(one, two)
    servers, far = policy.engine.server.servers, list[int]()
    one.delay = 0.02

    async def staggered() -> None:
        work = (Job(q + " " * i, BestOfN(2), policy, Checks()) for i in range(4) for q in QUESTIONS)
        async for _ in solve_all(work, concurrency=5):
            far.append(max(server.trees for server in servers))

    asyncio.run(staggered())
    assert far and max(far) <= 3  # of five live ones


@pytest.mark.parametrize("deaths", [[0], [1], [0, 1]])
def test_any_schedule_of_deaths_with_a_survivor_gives_the_same_trees(stub: Any, deaths: list[int]):
    stubs = [stub(), stub(), stub()]
    alone = grown(policy_on(stub()))
    policy = policy_on(*stubs)
    policy.load()

    async def killing() -> dict[Any, Tree]:
        ended: dict[Any, Tree] = {}
        task = asyncio.ensure_future(collect(jobs(policy, Checks()), ended))
        for dead in deaths:
            await asyncio.to_thread(die_at_work, stubs[dead])
        await task
        return ended

    for each in stubs:
        each.delay = 0.02
    trees = asyncio.run(killing())
    for dead in deaths:
        stubs[dead].start()
    assert texts(trees) == texts(alone)
    for ours, theirs in zip(ledgers(trees), ledgers(alone), strict=True):
        assert ours.generated_tokens == theirs.generated_tokens
        same = ours._replace(at_least=False) == theirs
        assert same or ours.prompt_tokens_computed > theirs.prompt_tokens_computed, "a tree that moved reads anew"
    assert any(ledger.at_least for ledger in ledgers(trees)), "what was lost is not said"


def test_a_server_that_is_killed_and_comes_back(stub: Any):
    """Each request in flight fails; all wait for the server, which one task looks at."""
    one = stub()
    alone = grown(policy_on(stub()))
    policy = policy_on(one)
    policy.load()
    one.delay = 0.02

    async def killing() -> dict[Any, Tree]:
        ended: dict[Any, Tree] = {}
        task = asyncio.ensure_future(collect(jobs(policy, Checks()), ended))
        await asyncio.to_thread(until, lambda: len(one.asked) >= 20)
        await asyncio.to_thread(die_at_work, one)
        await asyncio.sleep(0.2)
        assert not task.done()
        await asyncio.to_thread(one.start)
        await task
        return ended

    trees = asyncio.run(killing())
    assert texts(trees) == texts(alone)
    assert any(ledger.at_least for ledger in ledgers(trees)), "what was lost is not said"


def test_a_server_that_does_not_come_back_ends_the_run(stub: Any):
    one = stub()
    policy = policy_on(one, patience=0.3)
    policy.load()
    one.die()
    with pytest.raises(EngineDied, match=r"no server answers: http://[\d.:]+ \(it cannot be reached: .*for 0.3 s"):
        asyncio.run(solve(QUESTIONS[0], BestOfN(2), policy, Checks()))
    one.start()


def test_nobody_is_there_at_the_start(stub: Any, capsys: pytest.CaptureFixture[str]):
    one = stub()
    one.die()
    with pytest.raises(ModelError, match=r"no server answers: .* start vllm serve there, see docs/remote.md"):
        policy_on(one, patience=0.2).load()
    assert f"waiting for {one.url}: it cannot be reached" in capsys.readouterr().err
    one.start()
    policy_on(one, patience=0.21).load()


def test_a_fleet_begins_with_those_that_are_there(stub: Any, capsys: pytest.CaptureFixture[str]):
    """One that comes later gets trees too."""
    one, two = stub(), stub()
    two.die()
    policy = policy_on(one, two, patience=0.2)
    policy.load()
    assert f"{two.url} does not answer (it cannot be reached" in capsys.readouterr().err
    grown(policy)
    two.start()
    until(lambda: all(server.up for server in policy.engine.server.servers))
    grown(policy)
    assert one.salts() and two.salts()


@pytest.mark.parametrize("status", [403, 404])
def test_without_the_route_for_token_ids_completions_do(stub: Any, status: int):
    """The same trees and costs."""
    plain, old = stub(), stub()
    old.closed_routes[GENERATE] = status
    ours, theirs = grown(policy_on(old)), grown(policy_on(plain))
    assert texts(ours) == texts(theirs) and ledgers(ours) == ledgers(theirs)
    assert {path for path, body in old.asked if body.get("cache_salt") != "probe"} == {COMPLETIONS}


def test_a_scorer_that_is_refused_a_row_reads_again(stub: Any):
    """A place may be in the cache whose score nobody has."""
    judge = stub("tiny-prm")
    prm = PRM(engine=Engine.VLLM, url=[judge.url])
    path = grown(policy_on(stub()))[QUESTIONS[3], 0].leaves()[0].steps()
    first = asyncio.run(prm.score(QUESTIONS[3], path, 0))
    again = asyncio.run(prm.score(QUESTIONS[3], path, 0))
    assert first.scores == again.scores


def test_replace_keeps_servers():
    policy = VLLM(url=["http://a:1"])
    assert replace(policy, temperature=0).share == policy.share and hash(policy.share) == hash(policy.share)


def test_a_cancelled_search_ends_its_requests_on_the_server(stub: Any):
    one = stub()
    policy = policy_on(one)
    policy.load()
    one.delay = 30.0
    tree = Tree(QUESTIONS[0])

    async def cancelled() -> float:
        task = asyncio.ensure_future(solve(QUESTIONS[0], BestOfN(8), policy, Checks(), tree=tree))
        await asyncio.to_thread(until, lambda: one.running == 8)
        task.cancel()
        await asyncio.wait([task])
        start = time.monotonic()
        await asyncio.to_thread(until, lambda: not one.running)
        return time.monotonic() - start

    assert asyncio.run(cancelled()) < 1
    assert tree.ledger.at_least, "nobody knows what the server had written"
    assert policy.engine.server.servers[0].trees == 0


def test_a_budget_in_seconds_ends_requests_too(stub: Any):
    one = stub()
    policy = policy_on(one)
    policy.load()
    one.delay = 30.0
    tree = asyncio.run(solve(QUESTIONS[0], BestOfN(2), policy, Checks(), Budget(seconds=0.1)))
    assert tree.stopped == "budget" and tree.ledger.at_least
