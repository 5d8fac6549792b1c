"""Streams of the server in front of search, its places, and the routes of its page."""

import asyncio
import json
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'stepsearch[serve]')")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (pip install 'stepsearch[serve]')")

from experiments.analysis.solution import Solution
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Selection, solve
from tests.helpers import until
from tests.serving import SLOW, Leaving, answer, asked, body, chunks_of, client, got, served

# streams


def test_a_stream_is_the_answer_in_steps():
    plain = answer(served(), model="stepsearch/mcts-8")
    (response,) = asked(served(), body(model="stepsearch/mcts-8", stream=True, stream_options={"include_usage": True}))
    first, *middle, last, usage = chunks_of(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = [chunk["choices"][0]["delta"]["content"] for chunk in middle]
    assert len(text) == 4 and "".join(text) == plain["choices"][0]["message"]["content"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["stepsearch"]["votes"] == plain["stepsearch"]["votes"]
    assert usage["choices"] == [] and usage["usage"] == plain["usage"]
    assert len({chunk["id"] for chunk in (first, *middle, last, usage)}) == 1


def test_a_stream_shows_that_it_lives_and_how_far_it_is():
    request = body(model="stepsearch/mcts-16", stream=True, stepsearch={"progress": True})
    (response,) = asked(served(*SLOW, "policy.args.seconds=0.02", "search.mcts.in_flight=1", heartbeat=0.03), request)
    told = [c["stepsearch"]["progress"] for c in chunks_of(response.text) if "progress" in c.get("stepsearch", {})]
    assert response.text.count(": searching\n\n") == len(told) > 2
    written = [each["generated_tokens"] for each in told]
    assert written == sorted(written) and written[-1] > 0


def test_a_stream_ends_with_its_error():
    server = served("scorer=custom", "scorer.cls=tests.plugins:Mortal", "scorer.args.lives=0")
    (response,) = asked(server, body(stream=True))
    assert chunks_of(response.text)[-1]["error"]["code"] == "engine_ended"


# places


@pytest.mark.parametrize("more", [{}, {"stream": True}])
def test_a_client_that_leaves_ends_its_search(more: dict[str, Any]):
    server = served(*SLOW, "policy.args.seconds=0.05", heartbeat=0.02)

    async def leaving() -> None:
        one = Leaving(server, body(model="stepsearch/mcts-64", **more))
        await until(lambda: server.gate.searching == 1)
        one.leave.set()
        await asyncio.wait_for(one.served, 2)
        assert server.gate.places == server.gate.searching == 0
        assert len(asyncio.all_tasks()) == 1
        assert b'searcher="mcts",stopped="cancelled"} 1.0' in server.metrics.text()

    asyncio.run(leaving())


def test_a_client_that_leaves_while_it_waits_gives_its_place_back():
    server = served(*SLOW, "policy.args.seconds=0.05", running=1, waiting=1)

    async def leaving() -> None:
        first = Leaving(server, body(model="stepsearch/mcts-64"))
        await until(lambda: server.gate.searching == 1)
        second = Leaving(server, body(model="stepsearch/mcts-64"))
        await until(lambda: server.gate.waiting == 1)
        second.leave.set()
        await asyncio.wait_for(second.served, 2)
        assert (server.gate.places, server.gate.searching) == (1, 1)
        first.leave.set()
        await asyncio.wait_for(first.served, 2)
        assert server.gate.places == 0

    asyncio.run(leaving())


def test_a_search_whose_turn_does_not_come_is_refused():
    server = served(*SLOW, "policy.args.seconds=0.05", "deadline=0.4", running=1, waiting=2)
    responses = asked(server, *[body(model="stepsearch/mcts-64")] * 3)
    codes = sorted(response.status_code for response in responses)
    assert codes[0] == 200 and codes[-1] == 503 and server.gate.places == 0
    late = next(response for response in responses if response.status_code == 503)
    assert late.json()["error"]["code"] == "waited_too_long" and int(late.headers["retry-after"]) >= 1


def test_two_hundred_clients_at_once_are_answered_or_refused_and_answered_on_retry():
    clients = 200

    async def one(http: Any, number: int) -> tuple[int, int]:
        """How often it was refused, and the number of its answer."""
        refused = 0
        while True:
            response = await http.post(
                "/v1/chat/completions", json=body(f"q{number}", model="stepsearch/best_of_n-1", seed=number)
            )
            if response.status_code == 200:
                return refused, response.json()["stepsearch"]["seed"]
            assert response.status_code == 429 and response.json()["error"]["type"] == "rate_limit_error"
            assert int(response.headers["retry-after"]) >= 1
            refused += 1
            await asyncio.sleep(0.2 * refused)

    async def all_of_them() -> list[tuple[int, int]]:
        async with client(server) as http:
            return await asyncio.gather(*(one(http, number) for number in range(clients)))

    server = served(running=4, waiting=clients // 5)
    outcomes = asyncio.run(all_of_them())
    assert [seed for _, seed in outcomes] == list(range(clients))
    assert sum(refused > 0 for refused, _ in outcomes) >= clients / 4
    assert server.gate.places == 0 and b'rejected_total{why="queue_full"}' in server.metrics.text()


def test_a_server_that_ends_takes_no_more():
    server = served()
    server.gate.closing = True
    (response,) = asked(server, body())
    assert response.status_code == 503 and response.headers["retry-after"]
    assert got(server, "/health").json() == {"status": "closing"}


# the page's routes


def test_the_page_is_told_the_whole_tree_as_it_grows():
    server = served(*SLOW, "policy.args.seconds=0.1", "search.mcts.in_flight=1")

    async def watching() -> str:
        async with client(server) as http:
            return (await http.post("/search", json=body(model="stepsearch/mcts-8"))).text

    events = [block.split("\n") for block in asyncio.run(watching()).strip().split("\n\n")]
    told = [(name.removeprefix("event: "), json.loads(text.removeprefix("data: "))) for name, text in events]
    assert told[0][0] == "began" and told[-1][0] == "answer"
    columns = [data["grown"]["nodes"] for name, data in told if name == "grown"]
    parents = [parent for each in columns for parent in each["parent"]]
    tree = asyncio.run(solve("q", MCTS(simulations=8, in_flight=1), Toy(), ToyScorer(), seed=0))
    assert len(columns) > 1 and 0 < len(parents) <= len(list(tree.nodes()))
    assert all(parent < place for place, parent in enumerate(parents)), "parents come first"
    assert len(told[-1][1]["tree"]["nodes"]["parent"]) == len(list(tree.nodes()))
    assert told[-1][1]["summary"]["answer"] == Solution.of(tree, Selection()).answer


def _told(one: Leaving, event: str) -> Any:
    """What an event of a stream says."""
    sent = next(m["body"] for m in one.sent if m.get("body", b"").startswith(f"event: {event}\n".encode()))
    return json.loads(sent.split(b"data: ")[1])


def test_the_page_stops_its_search_and_gets_what_there_is():
    server = served(*SLOW, "policy.args.seconds=0.1", "search.mcts.in_flight=1")

    async def stopping() -> Any:
        one = Leaving(server, body(model="stepsearch/mcts-64"), "/search")
        await until(lambda: any(b"event: grown" in m.get("body", b"") for m in one.sent))
        await asyncio.sleep(0.3)
        other = Leaving(server, {}, f"/search/{_told(one, 'began')['number']}/stop")
        await asyncio.wait_for(one.served, 5)
        other.leave.set()
        await other.served
        assert server.gate.places == 0
        return _told(one, "answer")

    found = asyncio.run(stopping())
    assert found["summary"]["stopped"] == "cancelled" and found["summary"]["steps"]


def test_the_page_runs_nothing_but_its_own_scripts():
    page = got(served(), "/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy and "unsafe-eval" not in policy
    assert page.text.count("<script") == page.text.count('<script src="assets/') + 1
    for name in ("watch.js", "outline.js", "page.css"):
        assert f"assets/{name}" in page.text and got(served(), f"/assets/{name}").status_code == 200
    assert got(served(), "/assets/..%2fpage.py").status_code == 404
