"""Runs the work of a command until it is done or stopped: by Ctrl-C, by SIGTERM, or by an error that ends the run."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from experiments.errors import INTERRUPTED, RunError
from experiments.terminal import plain_lines
from search.errors import WorkerDied

canceller: ContextVar[Callable[[Callable[[], object]], object] | None] = ContextVar("canceller", default=None)
"""Where set, it is given what cancels the work, as a thread needs that no signal reaches."""

TERMINATED = 128 + signal.SIGTERM  # the exit code in shells


class Stop(NamedTuple):
    """Why the work was stopped before its end, and the exit code."""

    why: str
    code: int


def until_stopped(work: Coroutine[Any, Any, None]) -> Stop | None:
    """Runs `work`; returns None if it ran to its end, or why it was stopped. Any other error is raised."""
    try:
        asyncio.run(quietly(_terminable(work)))
        return None
    except KeyboardInterrupt:
        with suppress(RuntimeError):  # a second Ctrl-C may have ended the loop before the work was at its end
            work.close()
        return Stop("interrupted", INTERRUPTED)
    except asyncio.CancelledError:
        return Stop("terminated", TERMINATED)
    except (WorkerDied, RunError) as error:
        return Stop(plain_lines(str(error)), 1)


async def quietly(work: Coroutine[Any, Any, object]) -> None:
    """Awaits `work`. Of tasks that a second Ctrl-C leaves behind, where a plug-in blocks the loop, nothing is said."""
    asyncio.get_running_loop().set_exception_handler(_said)
    await work


def _said(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    left = str(context.get("message", "")).startswith("Task was destroyed but it is pending")
    if not left and not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


async def _terminable(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work`; SIGTERM cancels it as Ctrl-C does, and CancelledError is then raised.

    Outside the main thread, and on systems without this signal, SIGTERM is not handled.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    if give := canceller.get():
        give(lambda: loop.call_soon_threadsafe(task.cancel))
    with suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await work
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGTERM)
