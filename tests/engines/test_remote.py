"""Policies and scorers behind URLs, against a stand-in for `vllm serve`: the table of faults of docs/remote.md."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from policies.engines import fleet, remote
from policies.engines.models import ModelError
from policies.engines.routes import COMPLETIONS, GENERATE
from policies.engines.server import EngineDied
from policies.engines.share import Engine
from policies.vllm import VLLM
from scorers.checks import Checks
from scorers.prm import PRM
from search import Beam, BestOfN, Budget, Job, Ledger, Tree, solve
from search.solve import solve_all
from tests.engines.stub import Stub
from tests.models import QUESTIONS, run_all, total

pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
KNOBS: Any = {"max_steps": 5, "max_step_tokens": 12, "max_tokens": 60, "patience": 20.0}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Servers are looked at often; connections are closed at the end."""
    for name, seconds in (("_OFTEN", 0.02), ("_SELDOM", 0.05), ("_AFTER_FAILURE", 0.05)):
        monkeypatch.setattr(remote, name, seconds)
    made: list[fleet.Fleet] = []
    plain = fleet.Fleet.__init__

    def noted(self: fleet.Fleet, *of: Any) -> None:
        made.append(self)
        plain(self, *of)

    monkeypatch.setattr(fleet.Fleet, "__init__", noted)
    yield
    for each in made:
        each.close()


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    stubs: list[Stub] = []

    def make(*of: Any, **knobs: Any) -> Stub:
        stubs.append(Stub(*of, **knobs))
        return stubs[-1]

    yield make
    for each in stubs:
        each.close()


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
        task = asyncio.ensure_future(_collect(jobs(policy, Checks()), ended))
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


def die_at_work(stub: Stub) -> None:
    """Ends it while it works on a request."""
    until(lambda: stub.salts())
    before, stub.delay = stub.delay, 30.0
    time.sleep(2 * before)
    until(lambda: stub.running)
    stub.die()
    stub.delay = before


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


async def _collect(work: list[Job], ended: dict[Any, Tree]) -> None:
    async for each in solve_all(work):
        assert each.error is None
        ended[each.job.name] = each.tree


def test_a_server_that_is_killed_and_comes_back(stub: Any):
    """Each request in flight fails; all wait for the server, which one task looks at."""
    one = stub()
    alone = grown(policy_on(stub()))
    policy = policy_on(one)
    policy.load()
    one.delay = 0.02

    async def killing() -> dict[Any, Tree]:
        ended: dict[Any, Tree] = {}
        task = asyncio.ensure_future(_collect(jobs(policy, Checks()), ended))
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


def test_a_dying_engine_answers_500_for_a_while(stub: Any):
    one = stub()
    alone = grown(policy_on(stub()))
    policy = policy_on(one)
    policy.load()
    one.failures = [(500, {})] * 9
    trees = grown(policy)
    assert texts(trees) == texts(alone) and any(ledger.at_least for ledger in ledgers(trees))


def test_a_request_at_which_a_healthy_server_fails_is_an_error(stub: Any):
    one = stub()
    policy = policy_on(one)
    policy.load()
    one.failures = [(500, {})] * 100
    with pytest.raises(RuntimeError, match=r"fails at this request, 5 times: status 500: EngineCore"):
        grown_or_raise(policy)


def test_a_full_queue_is_waited_for(stub: Any):
    """By Retry-After where it is told; what was refused costs nothing."""
    one = stub()
    alone = grown(policy_on(stub()))
    policy = policy_on(one)
    policy.load()
    one.failures = [(503, {"Retry-After": "0.01"}), (429, {"Retry-After": "0"})] * 6
    trees = grown(policy)
    assert texts(trees) == texts(alone) and ledgers(trees) == ledgers(alone)
    one.failures = [(503, {"Retry-After": "0.01"})] * 10_000
    with pytest.raises(remote.Busy, match=r"has been busy for 0.1 s: EngineCore"):
        grown_or_raise(policy_on(one, patience=0.1))


def test_no_more_requests_are_under_way_than_allowed(stub: Any):
    one = stub()
    one.delay = 0.003
    grown(policy_on(one, max_num_seqs=2), n=8)
    assert 2 < one.most_running <= 4


def test_idle_connections_that_the_server_closes_cost_no_request(stub: Any):
    """The loop is held while the server closes them: the next request meets a closed connection, and is made again."""
    one = stub(keepalive=0.05)
    policy = policy_on(one)
    policy.load()
    loop = policy.engine.server._loop

    async def paused() -> int:
        for number in range(3):
            await asyncio.gather(*(policy.extend(Tree(q).root, 2, 1, [number, 9]) for q in QUESTIONS))
            loop.call_soon_threadsafe(time.sleep, 0.15)
        return 3

    assert asyncio.run(paused()) == 3


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


def test_another_model_is_refused_by_name(stub: Any):
    one = stub("Qwen2.5-7B")
    with pytest.raises(ModelError, match=r"serves Qwen2.5-7B, not model=tiny; if it is the same model .* served=NAME"):
        policy_on(one).load()
    policy_on(one, served="Qwen2.5-7B").load()
    with pytest.raises(ModelError, match=r"serves Qwen2.5-7B, not served=other"):
        policy_on(one, served="other").load()


def test_other_weights_behind_the_same_name(stub: Any):
    """Two servers that differ, and one that comes back with others."""
    one, two = stub(), stub(weights="second")
    with pytest.raises(ModelError, match=r"is not as http://.*other weights"):
        policy_on(one, two).load()
    policy = policy_on(one)
    policy.load()
    one.delay = 0.2

    async def renewed() -> None:
        task = asyncio.ensure_future(solve(QUESTIONS[0], BestOfN(2), policy, Checks()))
        await asyncio.to_thread(until, lambda: one.running)
        await asyncio.to_thread(one.die)
        one.weights = "second"
        await asyncio.to_thread(one.start)
        await task

    with pytest.raises(EngineDied, match=r"has come back with another model: .*other weights"):
        asyncio.run(renewed())


def grown_or_raise(policy: VLLM) -> None:
    asyncio.run(solve(QUESTIONS[0], BestOfN(2), policy, Checks()))


def test_a_server_that_tells_no_cached_tokens_is_refused(stub: Any):
    one, judge = stub(), stub("tiny-prm")
    one.tells_cached = judge.tells_cached = False
    with pytest.raises(ModelError, match=r"does not tell .* --enable-prompt-tokens-details"):
        policy_on(one).load()
    judge.has_plugin = False
    with pytest.raises(ModelError, match=r"No IOProcessor plugin.*--io-processor-plugin stepsearch"):
        PRM(engine=Engine.VLLM, url=[judge.url]).load()


def test_the_key_comes_from_the_environment(stub: Any, monkeypatch: pytest.MonkeyPatch):
    one = stub()
    one.key = "secret"
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    with pytest.raises(ModelError, match="wants a key: set the environment variable VLLM_API_KEY"):
        policy_on(one).load()
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    policy = policy_on(one)
    policy.load()
    assert "secret" not in repr(policy)


def test_logits_that_are_no_numbers_are_noticed(stub: Any):
    """vLLM writes -9999 in their place."""
    one = stub()
    one.broken_logprobs = True
    with pytest.raises(ModelError, match="its logits are not finite"):
        grown_or_raise(policy_on(one))


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
