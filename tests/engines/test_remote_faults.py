"""Policies and scorers behind URLs, against stand-ins for `vllm serve`: the other faults of docs/remote.md."""

import asyncio
import time
from typing import Any

import pytest

from policies.engines.health import HEALTH
from policies.engines.models import ModelError
from policies.engines.requests import Busy
from policies.engines.server import EngineDied
from policies.engines.share import Engine
from scorers.checks import Checks
from scorers.prm import PRM
from search import BestOfN, Tree, solve
from tests.engines.served_searches import (
    grown,
    grown_or_raise,
    ledgers,
    policy_on,
    texts,
    until,
)
from tests.models import QUESTIONS

pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
pytestmark = pytest.mark.usefixtures("quick")


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
    with pytest.raises(Busy, match=r"has been busy for 0.1 s: EngineCore"):
        grown_or_raise(policy_on(one, patience=0.1))


def test_who_watches_sees_servers_and_requests_made_again(stub: Any):
    one, other = stub(), stub()
    policy = policy_on(one, other)
    policy.load()
    until(lambda: all(HEALTH.now()[each.url] == (True, 0) for each in (one, other)))
    one.failures = [(503, {"Retry-After": "0.01"})] * 2
    grown(policy)
    assert [HEALTH.now()[each.url].retries for each in (one, other)] == [2, 0]
    other.failures = [(500, {})]
    grown(policy)
    assert HEALTH.now()[other.url].retries == 1
    other.die()
    for _ in range(3):  # the trees of some search are given to it
        grown(policy)
    assert HEALTH.now()[one.url].up and not HEALTH.now()[other.url].up
    policy.engine.server.close()
    assert not HEALTH.now().keys() & {one.url, other.url}


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
