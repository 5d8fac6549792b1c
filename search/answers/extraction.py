"""Where a solution's answer stands in its text."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from search.answers.boxes import boxed
from search.answers.calls import Calls, Program
from search.errors import KnobError

SECONDS = 5.0  # of processor time that a regular expression may take on one text
_REMEDY = " on one text; a repetition in a repetition, such as (a+)+, tries every way to split what it matches"
_LAST_MATCH = Path(__file__).with_name("last_match.py")


class PatternError(ValueError):
    """A regular expression took too long on a text."""


class Extraction(Protocol):
    """A rule that finds a solution's answer."""

    def extract(self, text: str) -> str | None:
        """The answer in a solution's text; None where it has none."""
        ...


@dataclass(frozen=True)
class Boxed:
    r"""The content of the last complete \boxed{} that is an answer; a step that has one ends a solution."""

    def extract(self, text: str) -> str | None:
        return boxed(text)


_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True)
class LastNumber:
    """The last number of the text, without thousands commas."""

    def extract(self, text: str) -> str | None:
        numbers = _NUMBER.findall(text.replace("−", "-"))
        return numbers[-1].replace(",", "") if numbers else None


@dataclass(frozen=True)
class After:
    """What follows the last mark, to the end of its line."""

    mark: str = "####"
    """the text before an answer"""

    def __post_init__(self) -> None:
        if not self.mark:
            raise KnobError("After.mark is empty; name the text that stands before an answer, or use whole")

    def extract(self, text: str) -> str | None:
        _, mark, after = text.rpartition(self.mark)
        return after.strip().partition("\n")[0].strip() or None if mark else None


@dataclass(frozen=True)
class Regex:
    """The last match of a regular expression: its first group, or all of it where it has none."""

    pattern: str = r"(?i)answer is:?\s*(.+?)\.?\s*$"
    """Python's syntax; ^ and $ are those of a line"""

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise KnobError(f"Regex.pattern is {self.pattern!r}, no regular expression: {error}") from error

    def extract(self, text: str) -> str | None:
        """Raises PatternError where the pattern takes more than SECONDS of processor time."""
        return _last_match(self.pattern)(text)


@lru_cache(maxsize=8)
def _last_match(pattern: str) -> Calls:
    command = [str(_LAST_MATCH), json.dumps(pattern), str(SECONDS)]
    return Calls(Program(f"Regex.pattern {pattern!r}", command, SECONDS, remedy=_REMEDY), PatternError, 1 << 10)


@dataclass(frozen=True)
class Whole:
    """The whole text of the solution."""

    def extract(self, text: str) -> str | None:
        return text.strip() or None
