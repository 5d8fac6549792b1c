"""A server of toy engines, and clients that talk to it without a port."""

import asyncio
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import httpx2

from experiments.commands.serve import Serve, build_serve, server_of
from experiments.config.compose import compose
from experiments.serving.app import app_of
from experiments.serving.door import Door
from experiments.serving.gate import Gate
from experiments.serving.server import Server
from policies.toy import Toy
from search import Extension, Node
from tests.command_line import TOY

OFFERED = "searchers=best_of_n,beam,mcts,particle_filter"
SLOW = ("policy=custom", "policy.cls=tests.plugins:Slow")


@dataclass(frozen=True)
class Halved(Toy):
    """The toy policy; each of its texts ends with half a surrogate pair, which has no UTF-8."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds)
        written = tuple(tuple(replace(s, text=s.text + "\ud800") for s in c) for c in extension.continuations)
        return extension._replace(continuations=written)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@cache
def _built(*words: str) -> Server:
    policy = [] if any(word.startswith("policy=") for word in words) else [TOY[0]]
    scorer = [] if any(word.startswith("scorer=") for word in words) else [TOY[1]]
    return server_of(build_serve(compose(Serve, [*policy, *scorer, OFFERED, *words])), None)


def served(*words: str, running: int = 8, waiting: int = 32, key: str | None = None, heartbeat: float = 10.0) -> Server:
    """A server with places of its own: those of another test belong to that one's event loop."""
    parts = _built(*words)
    gate = Gate(running, waiting, parts.engines.deadline)
    return Server(parts.engines, parts.models, gate, Door(key, "127.0.0.1"), heartbeat)


def body(question: str = "q", model: str = "stepsearch/beam-4", **more: Any) -> dict[str, Any]:
    """A request; `stepsearch=` holds the knobs."""
    return {"model": model, "messages": [{"role": "user", "content": question}], "seed": 0, **more}


def client(server: Server, **options: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app_of(server), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60, **options)


def asked(server: Server, *bodies: dict[str, Any], path: str = "/v1/chat/completions", **options: Any) -> list[Any]:
    """The responses to requests that are made at once."""

    async def all_of_them() -> list[Any]:
        async with client(server, **options) as http:
            return await asyncio.gather(*(http.post(path, json=each) for each in bodies))

    return asyncio.run(all_of_them())


def answer(server: Server, **more: Any) -> dict[str, Any]:
    """The answer to one request, which has to succeed."""
    (response,) = asked(server, body(**more))
    assert response.status_code == 200, response.text
    return response.json()


def got(server: Server, path: str, **options: Any) -> Any:
    """The response to a GET."""

    async def one() -> Any:
        async with client(server, **options) as http:
            return await http.get(path)

    return asyncio.run(one())


def chunks_of(text: str) -> list[dict[str, Any]]:
    """The data of a stream's events, without the last word."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


class Leaving:
    """A client that closes its connection when `leave` is set, and keeps what it was sent."""

    def __init__(self, server: Server, request: dict[str, Any], path: str = "/v1/chat/completions") -> None:
        self.leave, self.sent = asyncio.Event(), list[dict[str, Any]]()
        self._given = False
        self._body = json.dumps(request).encode()
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1"}
        scope |= {"method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
        scope |= {"scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 1), "root_path": ""}
        self.served = asyncio.create_task(app_of(server)(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
