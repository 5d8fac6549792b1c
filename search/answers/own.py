"""A grader or an extraction of the user's own, in a process with a time limit."""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from search.answers.equivalence_worker import Worker

_PROGRAM = Path(__file__).with_name("own_class.py")


class OwnClassError(ValueError):
    """A class of the user's own raised, hung, died, or returned what it may not."""


class Own:
    """Calls one method of an object of class `module:Class` that lives in a process of its own.

    Raises OwnClassError where a call raises, takes longer than `seconds` or ends its process.
    """

    def __init__(self, cls: str, args: Mapping[str, Any], method: str, seconds: float = 10.0) -> None:
        self._given = cls, dict(args), seconds
        self._command = [str(_PROGRAM), cls, method, json.dumps(dict(args))]
        self._name, self._seconds, self._lock = f"{cls}.{method}", seconds, Lock()
        self._worker: Worker | None = None
        self.call = lru_cache(maxsize=1 << 15)(self._call)

    def _call(self, *texts: str) -> Any:
        with self._lock:
            try:
                if self._worker is None or not self._worker.alive:
                    self._worker = Worker(self._seconds, self._command, patience=0.0)
                kind, value = self._worker.ask(texts)
            except TimeoutError as error:
                raise OwnClassError(f"{self._name} took longer than {self._seconds:g} seconds") from error
            except (RuntimeError, BrokenPipeError) as error:
                raise OwnClassError(
                    f"{self._name}: its process ended; does it exit or need too much memory?"
                ) from error
        if kind == "error":
            raise OwnClassError(f"{self._name} raised {value}")
        return value

    def __reduce__(self) -> Any:
        return type(self), self._given

    def close(self) -> None:
        with self._lock, suppress(AttributeError):
            self._worker.stop()  # pyright: ignore[reportOptionalMemberAccess]


class OwnGrader(Own):
    """A grader of the user's own, with the method same(gold, answer) -> bool."""

    def __init__(self, cls: str, args: Mapping[str, Any], seconds: float = 10.0) -> None:
        super().__init__(cls, args, "same", seconds)

    def same(self, gold: str, answer: str) -> bool:
        verdict = self.call(gold, answer)
        if not isinstance(verdict, bool):
            raise OwnClassError(f"{self._name} returned {verdict!r:.60}, not True or False")
        return verdict


class OwnExtraction(Own):
    """An extraction of the user's own, with the method extract(text) -> text or None."""

    def __init__(self, cls: str, args: Mapping[str, Any], seconds: float = 10.0) -> None:
        super().__init__(cls, args, "extract", seconds)

    def extract(self, text: str) -> str | None:
        answer = self.call(text)
        if not (answer is None or isinstance(answer, str)):
            raise OwnClassError(f"{self._name} returned {answer!r:.60}, not a text or None")
        return answer
