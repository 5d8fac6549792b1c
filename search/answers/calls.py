"""Calls of a program in a process of its own, with a time limit for each."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

from search.answers.equivalence_worker import Worker


class Program(NamedTuple):
    """A Python file and its arguments. It says "ready", then answers each list of texts, a line of JSON, with
    ["value", result] or ["error", message].
    """

    name: str
    """as error messages call it"""
    command: Sequence[str]
    seconds: float
    """that a call may take"""
    patience: float | None = None
    """as in `Worker`"""
    remedy: str = ""
    """what to do where a call takes longer"""


class Calls:
    """Asks one process of a program, which is started for the first call and after one that ended it.

    The last `remembered` results are kept. A call raises `error` where the program says so, takes too long or ends its
    process.
    """

    def __init__(self, program: Program, error: type[ValueError], remembered: int) -> None:
        self.program, self._error, self._lock = program, error, Lock()
        self._worker: Worker | None = None
        self._remembering = lru_cache(maxsize=remembered)(self._call)

    def __call__(self, *texts: str) -> Any:
        return self._remembering(*texts)

    def _call(self, *texts: str) -> Any:
        name, command, seconds, patience, remedy = self.program
        with self._lock:
            try:
                if self._worker is None or not self._worker.alive:
                    self._worker = Worker(seconds, command, patience)
                kind, value = self._worker.ask(texts)
            except TimeoutError as error:
                raise self._error(f"{name} took longer than {seconds:g} seconds{remedy}") from error
            except (RuntimeError, BrokenPipeError) as error:
                raise self._error(f"{name}: its process ended; does it exit or need too much memory?") from error
        if kind == "error":
            raise self._error(f"{name} raised {value}")
        return value

    def close(self) -> None:
        """Ends the process. Safe at any time: a later call starts a new one."""
        with self._lock, suppress(AttributeError):
            self._worker.stop()  # pyright: ignore[reportOptionalMemberAccess]
