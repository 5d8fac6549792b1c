"""A user's file of JSON lines, with words for what is wrong in it."""

import json
from pathlib import Path
from typing import Any, cast

from search.answers.escapes import eaten_command
from search.errors import KnobError


def json_lines(knob: str, path: str) -> list[tuple[str, dict[str, Any]]]:
    """The object of each line that is not blank, behind its place, "FILE, line 3".

    Raises KnobError, with knob or line, for a file that cannot be read and for what is no JSON. What is no object is an
    empty one.
    """
    try:
        lines = Path(path).expanduser().read_text("utf-8-sig").split("\n")  # a text may hold other line breaks
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise KnobError(f"{knob}={path}: {reason}; give a file of JSON lines") from error
    numbered = [(f"{path}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    return [(where, _object(where, line)) for where, line in numbered]


def _object(where: str, line: str) -> dict[str, Any]:
    try:
        record: Any = json.loads(line)
    except ValueError as error:
        raise KnobError(f"{where}: not valid JSON ({error}); write one JSON object a line") from None
    return cast(dict[str, Any], record) if isinstance(record, dict) else {}


def check_commands(where: str, *texts: str) -> None:
    r"""Raises KnobError where JSON took the beginning of a LaTeX command for an escape, as that of `\frac`."""
    for command in filter(None, map(eaten_command, texts)):
        raise KnobError(
            f"{where}: a control character where {command} was meant; JSON needs two backslashes: \\{command}"
        )
