"""Where a solution's answer stands in its text."""

import re
from dataclasses import dataclass
from typing import Protocol

from search.answers.boxes import boxed
from search.errors import KnobError


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
        match = None
        for match in re.finditer(self.pattern, text, re.MULTILINE):  # noqa: B007 # the last one
            pass
        return None if match is None else (match[1] if match.re.groups else match[0])


@dataclass(frozen=True)
class Whole:
    """The whole text of the solution."""

    def extract(self, text: str) -> str | None:
        return text.strip() or None
