"""Worked examples for a prompt, from a file of JSON lines: {"problem": "...", "solution": "..."}."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from search.errors import KnobError
from search.json_lines import check_commands, json_lines


class Shot(NamedTuple):
    """A worked example."""

    problem: str
    solution: str


def read_shots(path: str, knob: str = "policy.shots") -> tuple[Shot, ...]:
    """The examples of a file that the knob names, in order. Raises KnobError, with file and line, for anything else."""
    shots = tuple(_shot(where, record) for where, record in json_lines(knob, path))
    if not shots:
        raise KnobError(f"{knob}={path}: no example in it; write one JSON object a line")
    return shots


def _shot(where: str, record: Mapping[str, Any]) -> Shot:
    shot = Shot(record.get("problem", record.get("question", "")), record.get("solution", ""))
    if not all(isinstance(text, str) and text.strip() for text in shot):
        raise KnobError(f'{where}: write {{"problem": "...", "solution": "..."}}, both texts')
    check_commands(where, *shot)
    return shot
