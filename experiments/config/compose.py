"""From the words of a command line to a composed config, by Hydra; whatever is wrong becomes one clear ConfigError."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.config.registry import GROUPS, register, register_command
from experiments.errors import ConfigError, one_of


def compose(knobs: type, words: Sequence[str] = ()) -> DictConfig:
    """The config of a command, its knobs given as a dataclass, with `words` (`key=value`) applied.

    Raises ConfigError for a wrong choice, key or value.
    """
    command = knobs.__name__.lower()
    overrides = [_parse(word) for word in words]
    places = dict(default_choices(command))
    choices = {str(o.key_or_group): _choice(o) for o in overrides if o.key_or_group in places}
    register_command(knobs)
    for place, choice in (places | choices).items():
        register(place.partition("@")[0], choice)
    picked = [f"{place}={choice}" for place, choice in choices.items()]
    values = [override for override in overrides if override.key_or_group not in places]
    base = _compose(command, picked)
    for override in values:
        _check_key(base, override)
    return _compose(command, [*picked, *map(_normal, values)])


def default_choices(command: str) -> Iterator[tuple[str, str]]:
    """The groups of a command's YAML file with their default choices: ("search@search.beam", "beam"), ..."""
    text = files("experiments.config.defaults").joinpath(f"{command}.yaml").read_text("utf-8")
    for entry in OmegaConf.to_container(OmegaConf.create(text))["defaults"]:  # pyright: ignore
        if isinstance(entry, dict):
            yield from entry.items()


def _compose(command: str, words: list[str]) -> DictConfig:
    try:
        with initialize_config_module("experiments.config.defaults", version_base="1.3"):
            return hydra_compose(command, words)
    except (HydraException, OmegaConfBaseException) as failure:
        cause = failure.__cause__ or failure
        reason = str(cause).strip().splitlines()[0]
        reason = "null is not allowed here" if reason.endswith("is not Optional") else reason
        blamed = next((word for word in words if word in str(failure)), None)
        raise ConfigError(f"{blamed.lstrip('+')}: {reason}" if blamed else reason) from failure


def _parse(word: str) -> Override:
    """One `key=value`. A value that is no Hydra syntax is taken as plain text."""
    key, equals, value = word.partition("=")
    if key.startswith("~"):
        raise ConfigError(f"{word!r}: a knob cannot be removed; give it another value")
    if not (key.strip() and equals):
        raise ConfigError(f"{word!r} is no knob; write key=value, for example seed=1")
    parser = OverridesParser.create()
    try:
        override = parser.parse_override(f"{key.lstrip('+')}={value}")
    except HydraException:
        quoted = re.sub(r"(\\*)(')|(\\+)$", lambda m: m[0].replace("\\", "\\\\").replace("'", r"\'"), value)
        try:
            override = parser.parse_override(f"{key.lstrip('+')}='{quoted}'")
        except HydraException:
            raise ConfigError(f"{word!r} is no knob; write key=value, for example seed=1") from None
    if override.is_sweep_override():
        raise ConfigError(
            f"{word!r}: one value, please; a list is {key}=[{value}], a text with a comma {key}=\"'...'\""
        )
    return override


def _choice(override: Override) -> str:
    group = str(override.key_or_group).partition("@")[0]
    choice = override.value()
    if choice not in GROUPS[group]:
        raise ConfigError(f"{group}={choice}: no such choice; choose from {one_of(GROUPS[group], str(choice))}")
    return str(choice)


def _normal(override: Override) -> str:
    """The override as Hydra takes it: arguments of a custom class are no knobs of ours and so are added."""
    line = str(override.input_line)
    return f"++{line}" if ".args" in str(override.key_or_group) else line


def _check_key(base: DictConfig, override: Override) -> None:
    """Raises ConfigError unless the key leads to a knob of the config."""
    *above, last = str(override.key_or_group).split(".")
    node: Any = base
    for depth, part in enumerate([*above, last]):
        here = ".".join([*above, last][:depth])
        if here.endswith("args") and depth >= 2:
            return
        if not isinstance(node, DictConfig):
            raise ConfigError(f"{override.key_or_group}: {here} is a value; nothing stands below it")
        valid = [str(key) for key in node if key != "_target_"]
        if part not in valid:
            label = f"{here}.{part}" if here else part
            raise ConfigError(f"{label}: no such knob; {here or 'this command'} has {one_of(valid, part) or 'none'}")
        node = node._get_node(part)  # not its value: a list or a missing one must not be resolved
        node = node if isinstance(node, (DictConfig, ListConfig)) else None
    _check_whole(override, node)


def _check_whole(override: Override, node: Any) -> None:
    """A group of knobs may only be given as a mapping."""
    if isinstance(node, DictConfig) and not isinstance(override.value(), dict):
        key = override.key_or_group
        knobs = ", ".join(f"{key}.{name}" for name in node if name != "_target_")
        raise ConfigError(f"{override.input_line}: {key} is a group of knobs, not a choice here; set {knobs}")
