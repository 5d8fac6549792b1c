"""Worked examples for a prompt, from a file of JSON lines: {"problem": "...", "solution": "..."}."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from search.answers.escapes import eaten_command
from search.errors import KnobError


class Shot(NamedTuple):
    """A worked example."""

    problem: str
    solution: str


def read_shots(path: str, knob: str = "policy.shots") -> tuple[Shot, ...]:
    """The examples of a file that the knob names, in order. Raises KnobError, with file and line, for anything else."""
    try:
        lines = Path(path).expanduser().read_text("utf-8-sig").split("\n")  # a text may hold other line breaks
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise KnobError(f"{knob}={path}: {reason}; give a file of JSON lines") from error
    shots = tuple(_shot(f"{path}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip())
    if not shots:
        raise KnobError(f"{knob}={path}: no example in it; write one JSON object a line")
    return shots


def _shot(where: str, line: str) -> Shot:
    try:
        record: Any = json.loads(line)
    except ValueError as error:
        raise KnobError(f"{where}: not valid JSON ({error}); write one JSON object a line") from None
    fields: dict[str, Any] = record if isinstance(record, dict) else {}
    shot = Shot(fields.get("problem", fields.get("question", "")), fields.get("solution", ""))
    if not all(isinstance(text, str) and text.strip() for text in shot):
        raise KnobError(f'{where}: write {{"problem": "...", "solution": "..."}}, both texts')
    if command := eaten_command(shot.problem) or eaten_command(shot.solution):
        raise KnobError(
            f"{where}: a control character where {command} was meant; JSON needs two backslashes: \\{command}"
        )
    return shot
