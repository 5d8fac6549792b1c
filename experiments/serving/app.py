"""The routes of the server: chats in OpenAI's form, the models, health, figures, and the page."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from experiments.serving.answer import summary
from experiments.serving.ascii_json import AsciiJSON
from experiments.serving.completion import DONE, chunk, completion, event, heartbeat, last_chunks
from experiments.serving.growth import progress
from experiments.serving.page import add_page
from experiments.serving.refusals import Refusal, refusal_of
from experiments.serving.schema import Asked
from experiments.serving.searching import Search, failure
from experiments.serving.server import Server
from experiments.serving.streaming import EventStream, whole

_OFTEN = 1.0  # seconds between the figures of a search that a stream is asked for


def app_of(server: Server) -> FastAPI:
    """The application, which has no state but the server's."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        asked = await server.asked(request)
        search = server.search(asked)
        return stream(server, asked, search) if asked.chat.stream else await answered(asked, search, request)

    @app.get("/v1/models")
    async def models(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        server.door.check(request.headers)
        return AsciiJSON({"object": "list", "data": list(server.models.listed())})

    @app.get("/v1/models/{name:path}")
    async def model(name: str, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        server.door.check(request.headers)
        server.models.choose(name, None)
        return AsciiJSON({**next(server.models.listed()), "id": name})

    @app.get("/health")
    async def health() -> Response:  # pyright: ignore[reportUnusedFunction]
        status = "closing" if server.gate.closing else "engine ended" if server.gate.broken else "ok"
        return AsciiJSON({"status": status}, 200 if status == "ok" else 503)

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        server.door.check(request.headers)
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4")

    add_page(app, server)
    _answer_errors(app, server)
    return app


def _answer_errors(app: FastAPI, server: Server) -> None:
    """Every error is answered in OpenAI's form."""

    async def refused(request: Request, error: Any) -> Response:
        if isinstance(error, HTTPException):
            error = Refusal(error.status_code, f"{request.method} {request.url.path}: {error.detail}", code="no_route")
        refusal = refusal_of(error)
        server.metrics.rejected(refusal.code or "wrong_request")
        return AsciiJSON(refusal.body(), refusal.status, refusal.headers())

    for kind in (Refusal, HTTPException, Exception):
        app.add_exception_handler(kind, refused)


def _head(asked: Asked) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": asked.chat.model}


def _told(asked: Asked, search: Search) -> dict[str, Any]:
    """What stands under `stepsearch` in an answer."""
    told = summary(search.task.result(), asked.chat.stepsearch.tree)
    return {**told, "searcher": search.plan.name, "ignored": list(search.plan.ignored), "waited": search.waited}


async def answered(asked: Asked, search: Search, request: Request) -> Response:
    """The whole answer, once it is there. Raises Refusal where the search fails."""
    if not await whole(search, request):
        return Response(status_code=499)  # nobody reads it
    if (failed := failure(search)) is not None:
        raise failed
    told = await asyncio.to_thread(_told, asked, search)
    return AsciiJSON(completion(_head(asked), search.task.result(), told))


def stream(server: Server, asked: Asked, search: Search) -> EventStream:
    """The answer as a stream: signs of life while it is searched, then a chunk a step. An error is its last event."""
    head = _head(asked)
    options = asked.chat.stream_options
    with_usage = bool(options and options.include_usage)

    async def events(wait: Any) -> AsyncGenerator[bytes]:
        yield chunk(head, {"role": "assistant", "content": ""})
        while not await wait(min(server.heartbeat, _OFTEN) if asked.chat.stepsearch.progress else server.heartbeat):
            yield heartbeat()
            if asked.chat.stepsearch.progress:
                yield chunk(head, {}, stepsearch={"progress": progress(search.tree, search.waited)})
        if (failed := failure(search)) is not None:
            server.metrics.rejected(failed.code or "wrong_request")
            yield event(failed.body())
            yield DONE
            return
        told = await asyncio.to_thread(_told, asked, search)
        for part in last_chunks(head, search.task.result(), told, with_usage):
            yield part

    return EventStream(search, events)
