"""A stand-in for `vllm serve`, in a thread of its own: it writes and judges by keyed noise, and fails as it is told."""

import asyncio
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from policies.engines.routes import COMPLETIONS, GENERATE, POOLING

T = TypeVar("T")
BLOCK = 16
CONTEXT = 400


def noise(*of: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(of).encode(), digest_size=6).digest(), "big")


class Stub:
    """`close()` ends it. What it answers and how is set by its attributes, at any time."""

    def __init__(self, model: str = "tiny", weights: object = "first", keepalive: float = 60.0) -> None:
        self.model, self.weights, self.keepalive = model, weights, keepalive
        self.closed_routes: dict[str, int] = {}  # path -> status
        self.failures: list[tuple[int, dict[str, str]]] = []  # statuses and headers of the next requests
        self.delay, self.tells_cached, self.has_plugin, self.key = 0.0, True, True, ""
        self.most_queued, self.broken_logprobs = 10**9, False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.counted: Counter[str] = Counter()
        self.delays, self.most_running = list[float](), 0  # of the requests that it works on
        self.before: Callable[[], None] = lambda: None
        self._loop = asyncio.new_event_loop()
        self._runner: Any = None
        self.port = 0
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> int:
        return len(self.delays)

    def salts(self) -> set[str]:
        """The searches that it was asked for."""
        bodies = [body for path, body in self.asked if path in (GENERATE, COMPLETIONS)]
        return {body["cache_salt"] for body in bodies} - {"probe"}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def start(self) -> None:
        """Listens, with an empty cache; on the port that it had before."""
        self._cached: dict[str | None, set[tuple[int, ...]]] = {}
        self.do(self._start())

    def die(self) -> None:
        """Ends every connection, and listens no more."""
        self.do(self._runner.cleanup())

    def close(self) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        from aiohttp import web

        app = web.Application()
        app.router.add_get("/health", self._plain)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._plain)
        for path in (GENERATE, COMPLETIONS, POOLING):
            app.router.add_post(path, self._post)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, keepalive_timeout=self.keepalive, shutdown_timeout=0.001, access_log=None
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self.port or self._runner.addresses[0][1]

    async def _plain(self, request: Any) -> Any:
        from aiohttp import web

        return web.Response(text=f'vllm:cache_config_info{{block_size="{BLOCK}"}} 1.0')

    async def _models(self, request: Any) -> Any:
        from aiohttp import web

        if refused := self._refused(request):
            return refused
        card = {"id": self.model, "root": f"/models/{self.model}", "max_model_len": CONTEXT}
        return web.json_response({"data": [card]})

    def _refused(self, request: Any) -> Any:
        from aiohttp import web

        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None

    async def _post(self, request: Any) -> Any:
        from aiohttp import web

        path, body = request.path, await request.json()
        self.asked.append((path, body))
        self.before()
        if refused := self._refused(request):
            return refused
        if status := self.closed_routes.get(path):
            return web.json_response({"error": {"message": "not here"}}, status=status)
        if self.running >= self.most_queued:
            return web.json_response({"error": {"message": "queue full"}}, status=503)
        probing = "probe" in (body.get("cache_salt"), (body.get("data") or {}).get("cache_salt"))
        if path == POOLING and not self.has_plugin:
            return web.json_response({"error": {"message": "No IOProcessor plugin installed."}}, status=400)
        if self.failures and not probing:
            status, headers = self.failures.pop(0)
            return web.json_response({"error": {"message": "EngineCore"}}, status=status, headers=headers)
        self.delays.append(delay := self.delay)
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(delay)
            return web.json_response(*self._answer(path, body))
        finally:
            self.delays.remove(delay)

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[Any]:
        if path == POOLING:
            return (self._rows(body["data"]),)
        return (self._written(path, body),)

    def _read(self, ids: list[int], salt: str | None) -> int:
        """How many tokens of a text come from the cache, which then holds its whole blocks."""
        known = self._cached.setdefault(salt, set())
        cached = max((end for end in range(BLOCK, len(ids), BLOCK) if tuple(ids[:end]) in known), default=0)
        self._keep(ids, salt)
        if salt != "probe":
            self.counted["cached"] += cached
            self.counted["computed"] += len(ids) - cached
        return cached

    def _keep(self, ids: list[int], salt: str | None) -> None:
        self._cached[salt] |= {tuple(ids[:end]) for end in range(BLOCK, len(ids) + 1, BLOCK)}

    def _written(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        params = body.get("sampling_params", body)
        prompt, stops = body.get("token_ids") or body["prompt"], params["stop_token_ids"]
        cached, ids, salt = self._read(prompt, body.get("cache_salt")), list[int](), body.get("cache_salt")
        while len(ids) < params["max_tokens"] and not (ids and ids[-1] in stops):
            drawn = noise(prompt, ids, params.get("seed"))
            ids.append(stops[drawn % len(stops)] if stops and drawn % 8 == 0 else 20 + drawn % 15)
        self._keep([*prompt, *ids[:-1]], salt)
        self.counted["generated"] += len(ids) * (salt != "probe")
        usage: dict[str, Any] = {"prompt_tokens": len(prompt), "completion_tokens": len(ids)}
        if self.tells_cached:
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        asked = params.get("logprob_token_ids", [])
        words = [{"token_id": word, "logprob": -(noise(self.weights, word) % 97) / 9} for word in asked]
        logprobs = [-(noise(prompt, ids[:place]) % 97) / 50 - 0.01 for place in range(1, len(ids) + 1)]
        logprobs = [-9999.0] * len(ids) if self.broken_logprobs else logprobs
        told: Any = None
        if params.get("logprobs") is not None:
            content = [{"token_id": i, "logprob": p, "top_logprobs": words} for i, p in zip(ids, logprobs, strict=True)]
            told = {"token_logprobs": logprobs} if path == COMPLETIONS else {"content": content}
        return {"choices": [{"token_ids": ids, "logprobs": told, "finish_reason": "stop"}], "usage": usage}

    def _rows(self, data: dict[str, Any]) -> dict[str, Any]:
        ids = data["token_ids"]
        cached = 0 if data["skip_cache"] else self._read(ids, data.get("cache_salt"))
        rows = [self._row(ids[: end + 1], data["probabilities"]) for end in range(cached, len(ids))]
        counts = {"computed": len(rows), "prompt": len(ids), "cached": cached if self.tells_cached else 0}
        return {"data": {"rows": rows[-data["keep"] :], **counts}}

    def _row(self, ids: list[int], probabilities: bool) -> list[float]:
        right = noise(self.weights, ids) % 1001 / 1001
        return [1 - right, right] if probabilities else [1 - 7 * right, 7 * right]
