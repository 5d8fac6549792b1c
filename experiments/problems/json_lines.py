"""Reads a problem file: one JSON object a line, UTF-8, gzipped if its name ends in ``.gz``.

Whatever is wrong with one becomes a ProblemError that names file, line and field.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.answers.escapes import eaten_command


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
    group: str = "problems"  # whose knobs name the fields
    part: str = ""  # of the set: the file's name without its endings, or the Hub's name of it

    def get(self, field: str) -> Any:
        """The field's value, None where there is none; `doc.question` and `resps.0` name values inside others."""
        if field in self.record:
            return self.record[field]
        value: Any = self.record
        for part in field.split("."):
            if isinstance(value, list) and part.isdigit():
                value = dict(enumerate(value)).get(int(part))
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return value

    def has(self, field: str) -> bool:
        return field in self.record or self.get(field) is not None

    def value(self, knob: str, field: str) -> Any:
        """As `get`. Raises ProblemError where the line has no such field."""
        if not self.has(field):
            there = ", ".join(list(self.record)[:20]) or "none"
            remedy = f"set {self.group}.{knob} to one" if knob else "is it a file of this set?"
            raise ProblemError(f"{self.where}: no field {field!r}; fields there: {there}; {remedy}")
        return self.get(field)

    def text(self, knob: str, field: str, blank: bool = False) -> str:
        """The field's text, free of half surrogate pairs, which no tokenizer or file would take, and of LaTeX commands
        whose backslash JSON took for an escape; and not blank, unless it may be.
        """
        text = self._text(knob, field, self.value(knob, field))
        if command := eaten_command(text):
            raise ProblemError(
                f"{self.where}: field {field!r} holds a control character where {command} was meant; "
                f"JSON needs two backslashes: \\{command}"
            )
        if not (blank or text.strip()):
            raise ProblemError(f"{self.where}: field {field!r} is empty; fill it in, or remove the line")
        return text

    def text_or_number(self, knob: str, field: str) -> str:
        """As `text`; a finite number is its shortest text, 11.5 or 43."""
        value = self.value(knob, field)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
        return self.text(knob, field)

    def texts(self, knob: str, field: str) -> list[str]:
        """The field's list of one or more texts, which may be empty."""
        values = self.value(knob, field)
        if not (isinstance(values, list) and values):
            raise self._not("a list of texts", knob, field, values)
        return [self._text(knob, field, value) for value in values]

    def _text(self, knob: str, field: str, value: object) -> str:
        if not isinstance(value, str):
            raise self._not("text", knob, field, value)
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
        kind = "null" if value is None else "an empty list" if value == [] else type(value).__name__
        remedy = f"put the value in quotes, or name another field with {self.group}.{knob}" if knob else "mend the line"
        return ProblemError(f"{self.where}: field {field!r} is {kind}, not {wanted}; {remedy}")


def files(name: str, *endings: str, group: str = "problems") -> list[str]:
    """A folder's files with one of the endings, by name; else the name itself. Raises ProblemError for none."""
    path = Path(name).expanduser()
    if not path.is_dir():
        return [name]
    names = sorted(str(file) for file in path.iterdir() if file.name.endswith(endings))
    if not names:
        raise ProblemError(f"{group}.path={path}: no {' or '.join(endings)} file in it")
    return names


def read_lines(name: str, group: str = "problems") -> Iterator[Line]:
    """The file's objects in order; blank lines are counted and passed over. Raises ProblemError.

    `group` is that of the knob that named the file.
    """
    if not name:
        raise ProblemError(f"{group}.path: no file named; give one with {group}.path=FILE.jsonl")
    path = Path(name).expanduser()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number == 1 and (kind := _other_kind(path, line, group)):
                    raise ProblemError(f"{path} is {kind}")
                if line.strip():
                    where = f"{path}, line {number}"
                    yield Line(where, number, _record(where, line), group, path.name.partition(".")[0])
    except FileNotFoundError:
        raise ProblemError(f"{path}: no such file (looked from {Path.cwd()}); correct {group}.path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path}: cannot be read ({error}); is it a whole, readable file?") from error


_TO_LINES = "write it as JSON lines first: pandas.{}({!r}).to_json('{}.jsonl', orient='records', lines=True)"
_READERS = {b"PAR1": ("a Parquet file", "read_parquet"), b"ARROW1": ("an Arrow file", "read_feather")}
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; unpack it, or write it as JSON lines",
    b"\x1f\x8b": "gzipped; give it a name that ends in .gz",
    b"version https://git-lfs": "a pointer of Git LFS in place of the file; run git lfs pull",
}


def _other_kind(path: Path, line: bytes, group: str) -> str:
    """What a file that begins with this line is, and what to do, where it is known to be no JSON lines; else empty."""
    if path.suffix.lower() in (".csv", ".tsv") and not line.lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):
        remedy = _TO_LINES.format("read_csv", path.name, path.stem)
        return f"a table of separated values; {'read it with problems=csv' if group == 'problems' else remedy}"
    return no_text(path, line)


def no_text(path: Path, line: bytes) -> str:
    """What a file that begins with this line is, and what to do, where it is known to be no text; else empty."""
    for start, (name, reader) in _READERS.items():
        if line.startswith(start):
            return f"{name}; {_TO_LINES.format(reader, path.name, path.stem)}"
    return next((kind for start, kind in _OTHERS.items() if line.startswith(start)), "")


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


def is_numbers(value: object) -> bool:
    """Whether it is a list of lists of numbers."""
    return isinstance(value, list) and all(
        isinstance(part, list) and all(isinstance(n, int | float) for n in part) for part in value
    )
