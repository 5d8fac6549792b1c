"""SIGTERM ends a command as Ctrl-C does: what has ended is kept, and the engines are closed."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


TERMINATED = 128 + signal.SIGTERM  # exit code, as shells have it


async def terminable(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work`; SIGTERM cancels it, and CancelledError is then raised.

    Outside of the main thread, and on systems that have no such signal, it only awaits.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    with suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await work
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGTERM)


