"""From the overrides of a command line to a composed config, by Hydra; any mistake becomes one clear ConfigError."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from experiments.config.hints import of_choice
from experiments.config.overrides import apply, listed, parse
from experiments.config.presets import fill_preset
from experiments.config.registry import ALL, GROUPS, configured, register, register_command, side_by_side
from experiments.config.schema import open_args
from experiments.config.settings import settings
from experiments.errors import ConfigError, one_of


def compose(knobs: type, overrides: Sequence[str] = (), before: Mapping[str, Any] | None = None) -> DictConfig:
    """The config of a command, whose knobs are the dataclass `knobs`, with the overrides (`key=value`) applied.

    A policy's knobs that are not among them are those of its model's preset, or those of the policy `before`, if it is
    of the same model. Raises ConfigError for a wrong choice, key or value.
    """
    defaults = dict(default_choices(knobs.__name__.lower()))
    parsed = [parse(override) for override in overrides]
    choices = {str(o.key_or_group): _choice(o) for o in parsed if o.key_or_group in defaults}
    config = deepcopy(_chosen(knobs, tuple(choices.items())))
    _add_settings(config, parsed)
    for override in parsed:
        if override.key_or_group not in defaults:
            apply(config, override)
    fill_preset(config, {str(override.key_or_group) for override in parsed}, before or {})
    return config


@cache
def _chosen(knobs: type, chosen: tuple[tuple[str, str], ...]) -> DictConfig:
    """The config of a command with these choices and the default knobs of each; Hydra takes 0.1 to 0.4 s to compose it.

    Shared: who writes to it copies it.
    """
    command, choices = knobs.__name__.lower(), dict(chosen)
    register_command(knobs)
    for group, choice in (_defaults_list(command) | choices).items():
        register(group, choice)
    with initialize_config_module("experiments.config.defaults", version_base="1.3"):
        config = hydra_compose(command, [f"{place}={choice}" for place, choice in choices.items()])
    for place, _ in default_choices(command):
        open_args(OmegaConf.select(config, place.rpartition("@")[2]))
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


@cache
def default_choices(command: str) -> tuple[tuple[str, str], ...]:
    """The groups of a command with their default choices, and each choice that has a place of its own.

    ("policy", "hf"), ...; ("search@search.beam", "beam"), ...
    """
    return tuple(
        (f"{group}@{group}.{name}" if choice == ALL else group, name)
        for group, choice in _defaults_list(command).items()
        for name in (side_by_side(group) if choice == ALL else [choice])
    )


def _defaults_list(command: str) -> dict[str, str]:
    """The groups of a command's YAML file, each with its choice."""
    text = files("experiments.config.defaults").joinpath(f"{command}.yaml").read_text("utf-8")
    entries = OmegaConf.to_container(OmegaConf.create(text))["defaults"]  # pyright: ignore
    return {group: choice for entry in entries if isinstance(entry, dict) for group, choice in entry.items()}


def _choice(override: Override) -> str:
    """The choice of a group. Raises ConfigError where the group has no choice of that name."""
    group = str(override.key_or_group).partition("@")[0]
    value = str(override.input_line).partition("=")[2] if override.is_sweep_override() else override.value()
    choices, choice = GROUPS[group], str(value)
    if choice not in choices:
        reason = f"no such choice; choose from {one_of(choices, choice)}{of_choice(group, choice)}"
        raise ConfigError(f"{override.input_line}: {reason}")
    return choice
