"""Members of an ensemble of scorers or policies, as they are typed: names, and the knobs of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.errors import ConfigError, one_of


class Member(NamedTuple):
    """`name` is a choice of the group, or module:Class; `short` what its knobs are typed by: args.SHORT.KNOB."""

    name: str
    short: str
    knobs: dict[str, Any]


def named_members(members: Sequence[str], args: Mapping[str, Mapping[str, Any]], group: str) -> list[Member]:
    """The members with their knobs. Raises ConfigError for knobs of no member, and for a repeated name."""
    short = [name.rpartition("@" if "@" in name else ":")[2] for name in members]
    if twice := next((name for name in short if short.count(name) > 1), None):
        raise ConfigError(f"{group}.members: two are called {twice}; tell them apart as {twice}@one, {twice}@two")
    for name in args:
        if name not in short:
            raise ConfigError(f"{group}.args.{name}: no such member; there are {one_of(short, name) or 'none'}")
    named = zip(members, short, strict=True)
    return [Member(name.partition("@")[0], knobs, dict(args.get(knobs) or {})) for name, knobs in named]
