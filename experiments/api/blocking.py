"""Runs a command's work to its end from a script or from a notebook, whose own event loop is running already."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import Any, TypeVar

from experiments.runs.stopping import canceller

T = TypeVar("T")


def blocking(work: Callable[[], T]) -> T:
    """What `work` returns. Where an event loop runs in this thread, `work` runs in another one.

    Ctrl-C cancels the work, waits until it has ended, and is then raised.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    cancels: list[Callable[[], object]] = []
    returned: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        canceller.set(cancels.append)
        try:
            returned.append(work())
        except BaseException as error:
            errors.append(error)

    _join(Thread(target=copy_context().run, args=(run,), daemon=True), cancels)
    if errors:
        raise errors[0]
    return returned[0]


def _join(thread: Thread, cancels: list[Callable[[], Any]]) -> None:
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for cancel in cancels:
            cancel()
        thread.join()
        raise
