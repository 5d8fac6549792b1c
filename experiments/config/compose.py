"""From the overrides of a command line to a composed config; any mistake becomes one clear ConfigError.

Overrides, groups and defaults are Hydra's. The config is put together here, of OmegaConf's typed nodes: Hydra itself
needs 0.1 to 0.4 s, at the start of each command.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from hydra.core.override_parser.types import Override
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.config.hints import of_choice
from experiments.config.overrides import apply, listed, parse
from experiments.config.presets import fill_preset
from experiments.config.registry import GROUPS, configured
from experiments.config.schema import schema
from experiments.config.settings import settings
from experiments.errors import ConfigError, one_of

setup_globals()  # ${now:%Y-%m-%d}, as Hydra has it


def compose(knobs: type, overrides: Sequence[str] = (), before: Mapping[str, Any] | None = None) -> DictConfig:
    """The config of a command, whose knobs are the dataclass `knobs`, with the overrides (`key=value`) applied.

    A policy's knobs that are not among them are those of its model's preset, or those of the policy `before`, if it is
    of the same model. Raises ConfigError for a wrong choice, key or value.
    """
    defaults = dict(default_choices(knobs.__name__.lower()))
    parsed = [parse(override) for override in overrides]
    choices = {str(o.key_or_group): _choice(o) for o in parsed if o.key_or_group in defaults}
    config = deepcopy(_chosen(knobs, tuple((defaults | choices).items())))
    _add_settings(config, parsed)
    for override in parsed:
        if override.key_or_group not in defaults:
            apply(config, override)
    fill_preset(config, {str(override.key_or_group) for override in parsed}, before or {})
    return config


@cache
def _chosen(knobs: type, choices: tuple[tuple[str, str], ...]) -> DictConfig:
    """The config of a command with these choices, ("search@search.beam", "beam"), ..., and each one's default knobs.

    It is shared: who writes to it copies it.
    """
    config = OmegaConf.structured(schema(knobs))
    for place, choice in choices:
        group, _, name = place.partition("@")
        OmegaConf.update(config, name or group, configured(group, choice), merge=False, force_add=True)
    config.merge_with(_defaults(knobs.__name__.lower()).values)
    OmegaConf.set_struct(config, True)
    return config


def _add_settings(config: DictConfig, parsed: Sequence[Override]) -> None:
    """Gives each setting that `searchers` names, beam@wide, a place for its knobs: search.wide."""
    if "searchers" not in config:
        return
    named = [listed(override) for override in parsed if override.key_or_group == "searchers"]
    names = [str(name) for each in named if isinstance(each, list) for name in each]
    for setting, searcher in settings(names, list(config.search)).items():
        with open_dict(config.search):
            config.search[setting] = configured("search", searcher)


def joined(knobs: type, before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The overrides of a run and, after them, new ones; without the knobs of each choice that the new ones replace."""
    defaults = dict(default_choices(knobs.__name__.lower()))
    old, new = ({str(o.key_or_group): o.value() for o in map(parse, given)} for given in (before, now))
    replaced = {f"{group}." for group in defaults if group in new and new[group] != old.get(group, defaults[group])}
    return [*(given for given in before if not given.lstrip("+").startswith(tuple(replaced))), *now]


class Defaults(NamedTuple):
    """A command's YAML file: its groups with their default choices, and values of the command's own knobs."""

    choices: tuple[tuple[str, str], ...]
    values: dict[str, Any]


@cache
def _defaults(command: str) -> Defaults:
    text = files("experiments.config.defaults").joinpath(f"{command}.yaml").read_text("utf-8")
    values: Any = OmegaConf.to_container(OmegaConf.create(text))
    entries = values.pop("defaults")
    return Defaults(tuple(choice for entry in entries if isinstance(entry, dict) for choice in entry.items()), values)


def default_choices(command: str) -> tuple[tuple[str, str], ...]:
    """The groups of a command's YAML file with their default choices: ("search@search.beam", "beam"), ..."""
    return _defaults(command).choices


def _choice(override: Override) -> str:
    """The choice of a group. Raises ConfigError where the group has no choice of that name."""
    group = str(override.key_or_group).partition("@")[0]
    value = str(override.input_line).partition("=")[2] if override.is_sweep_override() else override.value()
    choices, choice = GROUPS[group], str(value)
    if choice not in choices:
        reason = f"no such choice; choose from {one_of(choices, choice)}{of_choice(group, choice)}"
        raise ConfigError(f"{override.input_line}: {reason}")
    return choice
