"""A server that answers as `vllm serve` does, at once and always the same: what a client costs shows beside it.

It prints its port and ends with its standard input. Like vLLM's, it closes a connection that is idle for 5 seconds.
"""

import asyncio
import json
import os
import sys
from typing import Any

TOKENS = 100
"""tokens of each continuation"""
_IDLE = 5.0
_BLOCK = 16


def _logprobs(ids: list[int]) -> dict[str, Any]:
    return {"content": [{"token_id": token, "logprob": -0.123456789, "rank": 1, "top_logprobs": []} for token in ids]}


async def _generate(request: Any) -> Any:
    from aiohttp import web

    body = json.loads(await request.read())
    params, prompt = body["sampling_params"], body["token_ids"]
    ids = [20 + place % 20 for place in range(min(TOKENS, params["max_tokens"]))]
    told = _logprobs(ids)
    for word in params.get("logprob_token_ids", []):
        told["content"][0]["top_logprobs"].append({"token_id": word, "logprob": -1.0})
    usage = {"prompt_tokens": len(prompt), "prompt_tokens_details": {"cached_tokens": len(prompt) // _BLOCK * _BLOCK}}
    choice = {"index": 0, "token_ids": ids, "logprobs": told, "finish_reason": "stop", "stop_reason": None}
    return web.json_response({"request_id": "r", "choices": [choice], "usage": usage})


async def _pooling(request: Any) -> Any:
    from aiohttp import web

    data = json.loads(await request.read())["data"]
    length = len(data["token_ids"])
    cached = 0 if data["skip_cache"] else (length - 1) // _BLOCK * _BLOCK
    kept = min(data["keep"], length - cached)
    counts = {"computed": length - cached, "prompt": length, "cached": cached}
    return web.json_response({"data": {"rows": [[0.25, 0.75]] * kept, **counts}})


async def _models(request: Any) -> Any:
    from aiohttp import web

    return web.json_response({"data": [{"id": sys.argv[1], "root": sys.argv[1], "max_model_len": 32_768}]})


async def _well(request: Any) -> Any:
    from aiohttp import web

    return web.Response(text=f'vllm:cache_config_info{{block_size="{_BLOCK}"}} 1.0')


async def main() -> None:
    from aiohttp import web

    app = web.Application(client_max_size=1 << 28)
    app.add_routes([web.get("/health", _well), web.get("/metrics", _well), web.get("/v1/models", _models)])
    app.add_routes([web.post("/inference/v1/generate", _generate), web.post("/pooling", _pooling)])
    runner = web.AppRunner(app, keepalive_timeout=_IDLE, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
