"""From the arguments of a Python call to the overrides that a command line would have: names, models, own classes."""

import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from experiments.config.knobs import typed
from experiments.config.registry import GROUPS
from experiments.errors import ConfigError, one_of

Knobs = Mapping[str, Any]
"""Knobs by their names on the command line: {"policy.temperature": 0.8, "search.branch": 2}."""

MODELS = ("policy", "scorer")
"""The groups where a text that names no choice names a model."""


def name_overrides(group: str, value: str) -> list[str]:
    """The overrides for a text: a choice of the group, module:Class of one's own, a file of problems, or a model.

    Raises ConfigError where it is none of them.
    """
    choices = GROUPS[group]
    if value in choices:
        return [f"{group}={value}"]
    if "custom" in choices and re.fullmatch(r"[A-Za-z_][\w.]*:\w+", value):
        return [f"{group}=custom", f"{group}.cls={value}"]
    if group in MODELS:
        return [f"{group}.model={value}"]
    if group == "problems" and value.endswith((".jsonl", ".json")):
        return ["problems=jsonl", f"problems.path={value}"]
    raise ConfigError(f"{group}={value!r}: no such choice; choose from {one_of(choices, value)}")


def knob_overrides(knobs: Knobs | None) -> list[str]:
    """`key=value` for each knob."""
    return [f"{name}={value if isinstance(value, str) else typed(value)}" for name, value in (knobs or {}).items()]


def listed(name: str, values: Any) -> list[str]:
    """A list knob; nothing for None. Raises ConfigError where the value is no list."""
    if values is None:
        return []
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise ConfigError(f"{name} is {values!r}; give a list, {name}=[{values!r}]")
    values = list(values)
    for value in values:
        if not isinstance(value, str | Real):
            raise ConfigError(f"{name} has {value!r:.60}; a sweep keeps texts: give names, and knobs={{...}}")
    return [f"{name}=[{','.join(map(str, values))}]"]
