"""Paths of a run hold from any working folder: what is typed relative to one is kept absolute."""

import os
import sys
from pathlib import Path
from typing import Any

_KNOBS = frozenset(("path", "model", "reference", "adapter", "shots", "hints", "actions", "prompt", "run"))
"""The last names of knobs that may name a file or a folder, below a group: problems.path, search.auto.run"""


def lasting(override: str) -> str:
    """The override; with an absolute path where it names a file or a folder from the working folder."""
    knob, equals, value = override.partition("=")
    group, _, name = knob.rpartition(".")
    return f"{knob}={absolute(value, Path.cwd())}" if equals and group and name in _KNOBS else override


def absolute(value: str, folder: Path) -> str:
    """The path as seen from `folder`, where it exists; any other text as it is."""
    try:
        path = folder / Path(value).expanduser()
        there = bool(value.strip()) and path.exists()
    except (OSError, ValueError, RuntimeError):  # a text that is no path: too long, or with a NUL
        return value
    return value if not there or _is_shipped(value) else os.path.abspath(path)


def relocated(override: str, started_in: Path) -> str:
    """The override of a run; where the file that it names has moved with the working folder, with its place of now."""
    knob, _, value = override.partition("=")
    return f"{knob}={moved(value, started_in)}" if knob.rpartition(".")[2] in _KNOBS else override


def moved(value: str, started_in: Path) -> str:
    """A path below the folder in which a run was started; where it is gone, that below today's working folder."""
    path = Path(value)
    if not path.is_absolute() or not path.is_relative_to(started_in) or path.exists():
        return value
    now = Path.cwd() / path.relative_to(started_in)
    return str(now) if now.exists() else value


def _is_shipped(value: str) -> bool:
    from policies.engines.models import SHIPPED

    return value in SHIPPED


def absolute_values(node: Any, folder: Path, name: str = "") -> Any:
    """The values of a config that was composed in `folder`, with absolute paths in the knobs that may name one."""
    if isinstance(node, dict):
        return {key: absolute_values(value, folder, str(key)) for key, value in node.items()}
    return absolute(moved(node, folder), folder) if isinstance(node, str) and name in _KNOBS else node


def importable(folder: Path) -> None:
    """Makes the modules in a folder importable, before those of the working folder."""
    if str(folder) not in sys.path and folder.is_dir():
        here = os.getcwd()
        sys.path.insert(sys.path.index(here) if here in sys.path else len(sys.path), str(folder))
