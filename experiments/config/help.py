"""The help texts: what a command does, its groups with their choices, and every knob with its default and its prose."""

import textwrap
from collections.abc import Iterator
from importlib import import_module

from experiments.config.compose import default_choices
from experiments.config.knobs import Knob, knobs, summary
from experiments.config.registry import GROUPS

WIDTH = 110


_NAMES = 34  # columns of `key=default`, before its prose


def command_help(knobs_class: type) -> str:
    """The whole help of a command, given as its dataclass of knobs; its module's docstring stands first."""
    name = f"{knobs_class.__module__}:{knobs_class.__name__}"
    parts = [(import_module(knobs_class.__module__).__doc__ or "").strip()]
    places = dict(default_choices(knobs_class.__name__.lower()))
    own = [line for knob in knobs(name) if knob.name not in _nodes(places) for line in _lines(knob)]
    parts.append(
        "\n".join(["Knobs of the command:", *own, *_lines(Knob("--cfg", "", "print the composed config, run nothing"))])
    )
    parts.append("\n".join(["Choices:", *_choices(places)]))
    for place, default in places.items():
        parts += _group(place, default)
    return "\n\n".join(parts)


def _nodes(places: dict[str, str]) -> set[str]:
    """The knobs of a command that its groups fill."""
    return {place.partition("@")[2].partition(".")[0] or place for place in places}


def _choices(places: dict[str, str]) -> Iterator[str]:
    for place, default in places.items():
        if "@" not in place:
            yield f"  {f'{place}={default}':<{_NAMES}}{' | '.join(GROUPS[place])}"


def _group(place: str, default: str) -> Iterator[str]:
    """The knobs of each choice of a group; where the config has a choice's own place, of that one alone."""
    group, _, package = place.partition("@")
    shared = group == "selection"  # its choices differ in one default
    for choice in [default] if package or shared else GROUPS[group]:
        target = GROUPS[group][choice]
        heading = package or f"{group}={choice}"
        lines = textwrap.wrap(f"{heading}: {summary(target)}", WIDTH)
        for knob in knobs(target):
            lines += _lines(knob, f"{package or group}.")
        yield "\n".join(lines)


def _lines(knob: Knob, prefix: str = "") -> Iterator[str]:
    """`prefix.name=default`, then the prose, wrapped; a group of knobs gives the lines of each of its own."""
    if knob.nested:
        for inner in knobs(knob.nested):
            yield from _lines(inner, f"{prefix}{knob.name}.")
        return
    key = f"  {prefix}{knob.name}" + (f"={knob.default}" if knob.default else "")
    prose = knob.prose
    if not all(choice in prose for choice in knob.choices):
        prose = f"{prose} ({' | '.join(knob.choices)})"
    wrapped = textwrap.wrap(prose, WIDTH - _NAMES - 2) or [""]
    if len(key) >= _NAMES + 2:
        yield key
        key = ""
    yield f"{key:<{_NAMES + 2}}{wrapped[0]}".rstrip()
    for line in wrapped[1:]:
        yield " " * (_NAMES + 2) + line
