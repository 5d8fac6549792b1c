"""A chat completion in OpenAI's form, whole or as the chunks of a stream."""

import json
from collections.abc import Iterator
from typing import Any

from experiments.serving.answer import Answer, usage

DONE = b"data: [DONE]\n\n"


def completion(head: dict[str, Any], answer: Answer, told: dict[str, Any]) -> dict[str, Any]:
    """The whole answer; `head` has id, time and model, `told` what stands under `stepsearch`."""
    message = {"role": "assistant", "content": "".join(answer.pieces), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(answer), "stepsearch": told}


def chunk(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event({**head, "object": "chat.completion.chunk", "choices": [choice], **more})


def last_chunks(head: dict[str, Any], answer: Answer, told: dict[str, Any], with_usage: bool) -> Iterator[bytes]:
    """The answer once it is known: a chunk a step, how it ended, the usage where it was asked for, the end."""
    for piece in answer.pieces:
        yield chunk(head, {"content": piece})
    yield chunk(head, {}, answer.finish, stepsearch=told)
    if with_usage:
        yield event({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage(answer)})
    yield DONE


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """A server-sent event."""
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(data, allow_nan=False, separators=(',', ':'))}\n\n".encode()


def heartbeat() -> bytes:
    """A comment, which clients leave out and which keeps proxies from closing the connection."""
    return b": searching\n\n"
