"""Reads a problem file: one JSON object a line, UTF-8, gzipped if its name ends in ``.gz``.

Whatever is wrong with one becomes a ProblemError that names file, line and field.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ProblemError(ValueError):
    """No problem set can be had; the message names knob or file, line and field, and says what to do."""


@dataclass(frozen=True)
class Line:
    """One JSON object of a file; `number` counts from one, `where` opens every error.

    A field is asked for together with the knob that named it, which is what the error tells the user to change.
    """

    where: str
    number: int
    record: dict[str, Any]

    def value(self, knob: str, field: str) -> Any:
        if field not in self.record:
            there = ", ".join(list(self.record)[:20]) or "none"
            raise ProblemError(f"{self.where}: no field {field!r}; fields there: {there}; set problems.{knob} to one")
        return self.record[field]

    def text(self, knob: str, field: str) -> str:
        """The field's text, not blank and free of half surrogate pairs, which no tokenizer or file would take."""
        value = self.value(knob, field)
        if not isinstance(value, str):
            raise self._not("text", knob, field, value)
        if not value.strip():
            raise ProblemError(f"{self.where}: field {field!r} is empty; fill it in, or remove the line")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ProblemError(f"{self.where}: field {field!r} holds half a surrogate pair; remove it") from None
        return value

    def label(self, knob: str, field: str) -> str | int:
        """An id or a level: a whole number, or text that is not blank."""
        value = self.value(knob, field)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise self._not("text or a whole number", knob, field, value)
        return self.text(knob, field)

    def _not(self, wanted: str, knob: str, field: str, value: object) -> ProblemError:
        kind = "null" if value is None else type(value).__name__
        return ProblemError(
            f"{self.where}: field {field!r} is {kind}, not {wanted}; "
            f"put the value in quotes, or name another field with problems.{knob}"
        )


def read_lines(name: str) -> Iterator[Line]:
    """The file's objects in order; blank lines are counted and passed over. Raises ProblemError."""
    if not name:
        raise ProblemError("problems.path: no file named; give one with problems.path=FILE.jsonl")
    path = Path(name).expanduser()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    where = f"{path}, line {number}"
                    yield Line(where, number, _record(where, line))
    except FileNotFoundError:
        raise ProblemError(f"{path}: no such file (looked from {Path.cwd()}); correct problems.path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path}: cannot be read ({error}); is it a whole, readable file?") from error


def _record(where: str, line: bytes) -> dict[str, Any]:
    """The line's JSON object; a line of another kind, or that only looks like one, is refused."""
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ProblemError(f"{where}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:  # ValueError also covers numbers of too many digits
        raise ProblemError(f"{where}: not valid JSON ({error}); write one JSON object a line") from None
    if not isinstance(record, dict):
        raise ProblemError(f"{where}: a JSON {type(record).__name__}, not an object; write one JSON object a line")
    return record
