"""What the server in front of search refuses, and how it says so."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'stepsearch[serve]')")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (pip install 'stepsearch[serve]')")

from tests.serving import asked, body, client, got, served

# refusals

USER = {"role": "user", "content": "q"}


@pytest.mark.parametrize(
    ("more", "status", "param", "words"),
    [
        ({"model": "gpt-5"}, 404, "model", "no such model 'gpt-5'"),
        ({"model": "stepsearch/beem"}, 404, "model", "Did you mean stepsearch/beam"),
        ({"model": "stepsearch/beam-65"}, 400, "model", "more than this server searches, 64"),
        ({"model": None}, 400, "model", "string"),
        ({"messages": []}, 400, "messages", "at least 1"),
        ({"messages": [USER, {"role": "assistant", "content": "a"}, USER]}, 400, "messages", "earlier turns"),
        ({"messages": [{"role": "system", "content": "s"}]}, 400, "messages", "no text of the user"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "messages", "no text of the user"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, None, "messages.0.content"),
        ({"n": 2}, 400, "n", "stepsearch.n"),
        ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
        ({"stepsearch": {"m": 2}}, 400, "stepsearch.m", "no such knob; stepsearch has n, budget"),
        ({"stepsearch": {"policy": {"url": "http://x"}}}, 400, "stepsearch.policy", "no such knob"),
        ({"stepsearch": {"n": 0}}, 400, "stepsearch.n", "greater than or equal to 1"),
        ({"stepsearch": {"n": True}}, 400, "stepsearch.n", "integer"),
        ({"stepsearch": {"budget": {"tokens": 1}}}, 400, "stepsearch.budget.tokens", "no such knob"),
        ({"stepsearch": {"selection": "oracle"}}, 400, "stepsearch.selection", "'best'"),
        ({"stepsearch": {"selection": "particle"}}, 400, "stepsearch.selection", "particle_filter"),
        ({"stream": "maybe"}, 400, "stream", "boolean"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(more: dict[str, Any], status: int, param: str | None, words: str):
    (response,) = asked(served(), body() | more)
    error = response.json()["error"]
    assert (response.status_code, set(error)) == (status, {"message", "type", "param", "code"})
    assert words in error["message"] and (param is None or error["param"] == param)
    assert error["type"] == ("not_found_error" if status == 404 else "invalid_request_error")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"", "application/json", 400),
        (b'{"\\ud800": 1}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * ((1 << 20) + 1), "application/json", 413),
    ],
)
def test_what_is_no_request_is_refused(content: bytes, kind: str, status: int):
    async def send() -> Any:
        async with client(served()) as http:
            return await http.post("/v1/chat/completions", content=content, headers={"Content-Type": kind})

    response = asyncio.run(send())
    assert response.status_code == status and set(response.json()) == {"error"}


def test_routes_that_are_not_there_are_answered_in_the_same_form():
    response = got(served(), "/configure")
    assert response.status_code == 404 and response.json()["error"]["code"] == "no_route"
    assert got(served(), "/v1/chat/completions").status_code == 405


def test_a_defect_is_told_by_a_number_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    server = served("scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=secret")
    (response,) = asked(server, body("secret"))
    error = response.json()["error"]
    assert response.status_code == 500 and "stand" not in error["message"]
    log = capsys.readouterr().err
    assert error["message"].rpartition(" ")[2] in log and "ArithmeticError" in log


def test_an_engine_that_has_ended_is_told_and_health_too():
    server = served("scorer=custom", "scorer.cls=tests.plugins:Mortal", "scorer.args.lives=0")
    for code in ("engine_ended", "engine_ended"):
        (response,) = asked(server, body())
        assert response.status_code == 503 and response.json()["error"]["code"] == code
        assert int(response.headers["retry-after"]) > 0
    health = got(server, "/health")
    assert (health.status_code, health.json()) == (503, {"status": "engine ended"})
    assert 'stepsearch_engine_up{engine="all"} 0.0' in got(server, "/metrics").text


# the door


def test_a_key_opens_all_but_health_and_the_page():
    server = served(key="right")
    for path in ("/v1/models", "/v1/models/stepsearch/beam", "/metrics"):
        assert got(server, path).status_code == 401
        assert got(server, path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert got(server, path, headers={"Authorization": "Bearer right"}).status_code == 200
    for path in ("/v1/chat/completions", "/search", "/search/1/stop"):
        (response,) = asked(server, body(), path=path)
        assert response.status_code == 401 and response.json()["error"]["code"] == "invalid_api_key"
    assert got(server, "/health").status_code == got(server, "/").status_code == 200


def test_without_a_key_only_this_machines_names_are_answered():
    """A page of another site, whose name leads here, must not read answers."""
    for path in ("/", "/v1/models", "/metrics"):
        assert got(served(), path, headers={"Host": "evil.example"}).status_code == 403
        assert got(served(), path, headers={"Host": "localhost:8000"}).status_code == 200
        assert got(served(), path, headers={"Host": "[::1]:8000"}).status_code == 200
    assert got(served(key="right"), "/", headers={"Host": "my.host"}).status_code == 200
