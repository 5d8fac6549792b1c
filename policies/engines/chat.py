"""Requests to an OpenAI-compatible endpoint: chat completions, made again while they meet a limit or a failure."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from policies.engines.connection import Answer, Connection, Lost
from policies.engines.health import HEALTH
from policies.engines.loop import background_loop
from policies.engines.models import ModelError
from policies.engines.urls import base
from policies.engines.waiting import waits
from search.errors import PolicyError

PATH = "/v1/chat/completions"
_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_NO_COST = (425, 429, 503)  # refused before anything was written


class Failed(RuntimeError):
    """The endpoint has failed for as long as `patience` allows."""

    passing = False


class Completion(NamedTuple):
    """A text, why it ended, and what the endpoint tells of its cost; None is what it does not tell."""

    text: str
    finish: str | None
    stop: str | None
    """the text at which it stopped, where the endpoint tells it"""
    tells_stop: bool
    """whether it tells that"""
    written: int | None
    prompt: int | None
    cached: int | None
    lost: bool
    """the request was made more than once, and what it had cost before is not known"""


class Endpoint:
    """At most `most` requests are under way; all of them wait where a limit is met. `variable` holds the key."""

    def __init__(self, url: str, variable: str, most: int, patience: float) -> None:
        self._url, self._variable, self._patience = url, variable, patience
        self._connection = Connection(base(url), variable, outside=True)
        self._places, self._not_before = asyncio.Semaphore(most), 0.0

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """Raises Failed, ValueError for a request that is refused, and ModelError; awaited from any loop."""
        work = self._complete(body)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, background_loop()))

    async def _complete(self, body: Mapping[str, Any]) -> Completion:
        loop = asyncio.get_running_loop()
        lost, until = False, loop.time() + self._patience
        async with self._places:
            for seconds in waits(1.0, 60.0):
                await asyncio.sleep(max(0.0, self._not_before - loop.time()))
                try:
                    answer = await self._connection.post(PATH, body)
                    HEALTH.is_up(self._url, answer.status < 500)
                    if answer.status == 200:
                        return self._read(answer, lost)
                    self._check(answer)
                    why, after = f"status {answer.status}: {answer.message()}", answer.after
                    lost |= answer.status not in _NO_COST
                except Lost as error:
                    HEALTH.is_up(self._url, False)
                    why, after, lost = str(error), None, lost or error.sent
                wait = seconds if after is None else after
                if loop.time() + wait > until:
                    raise Failed(f"{self._url} has failed for {self._patience:g} s: {why}")
                HEALTH.again(self._url)
                if after is not None:  # a limit of the account, which all requests would meet
                    self._not_before = max(self._not_before, loop.time() + after)
                await asyncio.sleep(wait)
        raise AssertionError("waits() ended")

    def _check(self, answer: Answer) -> None:
        """Returns where the same request may succeed later."""
        status, said = answer.status, answer.message()
        if status in _AGAIN:
            return
        if status in (401, 403):
            raise ModelError(f"{self._url} refuses the key in the environment variable {self._variable}: {said}")
        if status == 404:
            raise ModelError(f"{self._url} answers 404: {said}; correct policy.url or policy.model")
        raise ValueError(f"{self._url} refuses the request ({status}): {said}")

    def _read(self, answer: Answer, lost: bool) -> Completion:
        try:
            content = answer.json()
            choice, usage = content["choices"][0], content.get("usage") or {}
            text = choice["message"].get("content") or ""
            details = usage.get("prompt_tokens_details") or {}
            return Completion(
                str(text),
                choice.get("finish_reason"),
                choice.get("stop_reason") if isinstance(choice.get("stop_reason"), str) else None,
                "stop_reason" in choice,
                usage.get("completion_tokens"),
                usage.get("prompt_tokens"),
                details.get("cached_tokens"),
                lost,
            )
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise PolicyError(
                f"{self._url} gave no chat completion ({type(error).__name__}: {error}): {answer.text[:200]}"
            ) from error


@lru_cache(maxsize=16)
def endpoint(url: str, variable: str, most: int, patience: float) -> Endpoint:
    """One for all policies of the same address and limits."""
    return Endpoint(url, variable, most, patience)
