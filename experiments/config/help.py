"""The help texts: what a command does, its groups with their choices, and every knob with its default and its prose."""

import sys
import textwrap
from collections.abc import Iterator

from experiments.config.compose import default_choices
from experiments.config.knobs import Knob, knobs, summary
from experiments.config.registry import GROUPS

WIDTH = 110
_NAMES = 34  # columns of `key=default`, before its prose
_CFG = Knob("--cfg job", "", "print the composed config, run nothing")
_QUIET = Knob("--quiet", "", "no progress and no notes on standard error")
_CONFIG = Knob("config", "FILE", "a YAML file of knobs, also a run's config.yaml; those on the command line win")


def command_help(command: type) -> str:
    """The help of a command, given as its dataclass of knobs; its module's docstring stands first."""
    places = dict(default_choices(command.__name__.lower()))
    filled = {place.partition("@")[2].partition(".")[0] or place for place in places}
    own = [knob for knob in knobs(command) if knob.name not in filled]
    parts = [
        module_docstring(command),
        "\n".join(["Knobs of the command:", *knob_lines([*own, _CONFIG, _CFG, _QUIET])]),
        "\n".join(["Choices:", *_choices(places)]),
    ]
    for place, default in places.items():
        parts += _group(place, default)
    return "\n\n".join(parts)


def module_docstring(cls: type) -> str:
    """The docstring of the module that defines the class."""
    return (sys.modules[cls.__module__].__doc__ or "").strip()


def _choices(places: dict[str, str]) -> Iterator[str]:
    for place, default in places.items():
        if "@" not in place:
            wrapped = textwrap.wrap(" | ".join(GROUPS[place]), WIDTH - _NAMES - 2)
            yield f"  {f'{place}={default}':<{_NAMES}}{wrapped[0]}"
            yield from (" " * (_NAMES + 2) + line for line in wrapped[1:])


def _group(place: str, default: str) -> Iterator[str]:
    """The knobs of each choice of a group; where the config has a choice's own place, of that one alone."""
    group, _, package = place.partition("@")
    shared = group in ("selection", "second")  # the choices differ in one default; the second has those of `scorer`
    for choice in [default] if package or shared else GROUPS[group]:
        cls = GROUPS[group][choice]
        heading = package or f"{group}={choice}"
        lines = textwrap.wrap(f"{heading}: {summary(cls)}", WIDTH)
        yield "\n".join([*lines, *knob_lines(knobs(cls), f"{package or group}.")])


def knob_lines(members: list[Knob], prefix: str = "") -> Iterator[str]:
    """`prefix.name=default`, then the prose, wrapped; a group of knobs gives the lines of each of its own."""
    for knob in members:
        if knob.nested:
            yield from knob_lines(knobs(knob.nested), f"{prefix}{knob.name}.")
        else:
            yield from _lines(knob, prefix)


def _lines(knob: Knob, prefix: str) -> Iterator[str]:
    key = f"  {prefix}{knob.name}" + (f"={knob.default}" if knob.default else "")
    prose = knob.prose
    if not all(choice in prose for choice in knob.choices):
        prose = f"{prose} ({' | '.join(knob.choices)})".lstrip()
    wrapped = textwrap.wrap(prose, WIDTH - _NAMES - 2) or [""]
    if len(key) >= _NAMES + 2:
        yield key
        key = ""
    yield f"{key:<{_NAMES + 2}}{wrapped[0]}".rstrip()
    for line in wrapped[1:]:
        yield " " * (_NAMES + 2) + line
