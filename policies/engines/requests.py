"""Requests to one server of `vllm serve`, and what each failure means; keeps nothing of the server's state."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from policies.engines.connection import Answer, Connection, Lost
from policies.engines.health import HEALTH
from policies.engines.models import ModelError
from policies.engines.routes import POOLING, Route, reading_body, rows_of
from policies.engines.server import Draw, Read, Rows, Written
from policies.engines.urls import KEY
from policies.engines.waiting import waits

Check = Callable[[], Awaitable[None]]
_BUSY = (408, 425, 429, 503)
_BROKEN = 500  # and above: the engine has ended, or is about to


class Gone(Exception):
    """The server does not answer, or its engine has ended; `sent`: it may have worked on the request."""

    def __init__(self, why: str, sent: bool, status: int | None = None) -> None:
        super().__init__(why)
        self.sent, self.status = sent, status


class Busy(RuntimeError):
    """The server refused a request for as long as `patience` allows."""


class Missing(ModelError):
    """The server does not have the route, or does not open it, or has no such model."""


class Requests:
    """Raises Gone, Busy, ValueError for a request that the server refuses, and ModelError where it cannot be used."""

    def __init__(self, url: str, patience: float) -> None:
        self.url, self.connection, self._patience = url, Connection(url, KEY), patience

    async def generate(
        self, route: Route, served: str, ids: Sequence[int], draw: Draw, salt: str | None, check: Check | None = None
    ) -> Written:
        """A continuation by the model that is `served`; `check` as of `ask`."""
        answer, again = await self.ask(route.path, route.body(served, ids, draw, salt), check)
        written = self.read(answer, lambda json: route.written(json, ids, draw))
        if len(ids) != written.prompt:
            raise ModelError(
                f"{self.url} read {written.prompt} tokens of a prompt of {len(ids)}: it changed the prompt"
            )
        return written._replace(lost=again)

    async def encode(
        self, served: str, ids: Sequence[int], read: Read, salt: str | None, check: Check | None = None
    ) -> Rows:
        """What a classifier reads; like `generate`."""
        answer, again = await self.ask(POOLING, reading_body(served, ids, read, salt), check)
        return self.read(answer, rows_of)._replace(lost=again)

    async def get(self, path: str) -> Answer:
        """An answer 200."""
        answer = await self.connection.get(path)
        if answer.status != 200:
            self._refuse(answer)
            raise Lost(f"status {answer.status} of {path}", sent=False)
        return answer

    async def ask(self, path: str, body: Mapping[str, Any], check: Check | None) -> tuple[Answer, bool]:
        """The answer 200, and whether the request was made before and may have cost something.

        A connection that was idle may just have been closed: the request is made again once, after the `check`.
        """
        again, until = False, asyncio.get_running_loop().time() + self._patience
        for seconds in waits():
            try:
                answer = await self.connection.post(path, body)
            except Lost as lost:
                if again or not lost.sent:
                    raise Gone(str(lost), again or lost.sent) from lost
                again = True
                HEALTH.again(self.url)
                if check is not None:
                    await check()
                continue
            if answer.status == 200:
                return answer, again
            self._refuse(answer)
            if asyncio.get_running_loop().time() > until:
                raise Busy(f"{self.url} has been busy for {self._patience:g} s: {answer.message()}")
            HEALTH.again(self.url)
            await asyncio.sleep(seconds if answer.after is None else answer.after)
        raise AssertionError("waits() ended")

    def _refuse(self, answer: Answer) -> None:
        """Returns for a server that is busy. Raises what any other answer means."""
        status, said = answer.status, answer.message()
        if status in _BUSY:
            return
        if status >= _BROKEN:
            raise Gone(f"status {status}: {said}", True, status)
        if status == 401:
            raise ModelError(f"{self.url} wants a key: set the environment variable {KEY} ({said})")
        if status in (403, 404):
            raise Missing(f"{self.url} answers {status}: {said}")
        if status in (400, 413, 422):
            raise ValueError(f"{self.url} refuses the request: {said}")
        raise RuntimeError(f"{self.url} answers {status}: {said}")

    def read(self, answer: Answer, read: Callable[[Any], Any]) -> Any:
        """What is read from the answer. Raises ModelError where it is of another form."""
        try:
            return read(answer.json())
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError(
                f"{self.url} gave an answer of another form ({type(error).__name__}: {error}): {answer.text[:200]}; "
                "is it vllm serve, 0.32 or newer?"
            ) from error
