"""A grader or an extraction of the user's own, in a process with a time limit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.answers.calls import Calls, Program

_PROGRAM = Path(__file__).with_name("own_class.py")


class OwnClassError(ValueError):
    """A class of the user's own raised, hung, died, or returned what it may not."""


class Own:
    """Calls one method of an object of class `module:Class` that lives in a process of its own.

    Raises OwnClassError where a call raises, takes longer than `seconds` or ends its process.
    """

    def __init__(self, cls: str, args: Mapping[str, Any], method: str, seconds: float, remembered: int) -> None:
        self._given = cls, dict(args), seconds
        self._name = f"{cls}.{method}"
        command = [str(_PROGRAM), cls, method, json.dumps(dict(args))]
        self.call = Calls(Program(self._name, command, seconds, patience=0.0), OwnClassError, remembered)

    def __reduce__(self) -> Any:
        return type(self), self._given

    def close(self) -> None:
        self.call.close()


class OwnGrader(Own):
    """A grader of the user's own, with the method same(gold, answer) -> bool."""

    def __init__(self, cls: str, args: Mapping[str, Any], seconds: float = 10.0) -> None:
        super().__init__(cls, args, "same", seconds, remembered=1 << 15)

    def same(self, gold: str, answer: str) -> bool:
        verdict = self.call(gold, answer)
        if not isinstance(verdict, bool):
            raise OwnClassError(f"{self._name} returned {verdict!r:.60}, not True or False")
        return verdict


class OwnExtraction(Own):
    """An extraction of the user's own, with the method extract(text) -> text or None."""

    def __init__(self, cls: str, args: Mapping[str, Any], seconds: float = 10.0) -> None:
        super().__init__(cls, args, "extract", seconds, remembered=1 << 10)  # whole solutions: some 100 MB at 32k

    def extract(self, text: str) -> str | None:
        answer = self.call(text)
        if not (answer is None or isinstance(answer, str)):
            raise OwnClassError(f"{self._name} returned {answer!r:.60}, not a text or None")
        return answer
