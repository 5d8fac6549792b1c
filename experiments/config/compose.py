"""From the overrides of a command line to a composed config, by Hydra; any mistake becomes one clear ConfigError."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

from hydra import compose as hydra_compose
from hydra import initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from experiments.config.registry import GROUPS, register, register_command
from experiments.errors import ConfigError, one_of


def compose(knobs: type, overrides: Sequence[str] = ()) -> DictConfig:
    """The config of a command, whose knobs are the dataclass `knobs`, with the overrides (`key=value`) applied.

    Raises ConfigError for a wrong choice, key or value.
    """
    command = knobs.__name__.lower()
    defaults = dict(default_choices(command))
    parsed = [_parse(override) for override in overrides]
    choices = {str(o.key_or_group): _choice(o) for o in parsed if o.key_or_group in defaults}
    register_command(knobs)
    for place, choice in (defaults | choices).items():
        register(place.partition("@")[0], choice)
    with initialize_config_module("experiments.config.defaults", version_base="1.3"):
        config = hydra_compose(command, [f"{place}={choice}" for place, choice in choices.items()])
    for place in defaults:
        _open_args(OmegaConf.select(config, place.rpartition("@")[2]))
    for override in parsed:
        if override.key_or_group not in defaults:
            _apply(config, override)
    return config


def default_choices(command: str) -> Iterator[tuple[str, str]]:
    """The groups of a command's YAML file with their default choices: ("search@search.beam", "beam"), ..."""
    text = files("experiments.config.defaults").joinpath(f"{command}.yaml").read_text("utf-8")
    for entry in OmegaConf.to_container(OmegaConf.create(text))["defaults"]:  # pyright: ignore
        if isinstance(entry, dict):
            yield from entry.items()


# parsing


def _parse(text: str) -> Override:
    """One `key=value`. A value that is no Hydra syntax is taken as plain text."""
    key, equals, value = text.partition("=")
    if key.startswith("~"):
        raise ConfigError(f"{text!r}: a knob cannot be removed; give it another value")
    if not (key.strip() and equals):
        raise ConfigError(f"{text!r} is no knob; write key=value, for example seed=1")
    parser = OverridesParser.create()
    try:
        override = parser.parse_override(f"{key.lstrip('+')}={value}")
    except HydraException:
        quoted = re.sub(r"(\\*)(')|(\\+)$", lambda m: m[0].replace("\\", "\\\\").replace("'", r"\'"), value)
        try:
            override = parser.parse_override(f"{key.lstrip('+')}='{quoted}'")
        except HydraException:
            raise ConfigError(f"{text!r} is no knob; write key=value, for example seed=1") from None
    if override.is_sweep_override():
        raise ConfigError(
            f"{text!r}: one value, please; a list is {key}=[{value}], a text with a comma {key}=\"'...'\""
        )
    return override


def _choice(override: Override) -> str:
    """The choice of a group. Raises ConfigError where the group has no choice of that name."""
    choices, choice = GROUPS[str(override.key_or_group).partition("@")[0]], str(override.value())
    if choice not in choices:
        raise ConfigError(f"{override.input_line}: no such choice; choose from {one_of(choices, choice)}")
    return choice


# applying


def _open_args(node: DictConfig) -> None:
    """Lets `args` take any key: they are arguments of a class that a user names, no knobs of ours."""
    if "args" in node:
        OmegaConf.set_struct(node.args, False)


def _apply(config: DictConfig, override: Override) -> None:
    """Sets one knob. Raises ConfigError for an unknown key, a group of knobs, or a value of the wrong type."""
    key, value = str(override.key_or_group), override.value()
    above, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, key)
        if isinstance(node, DictConfig) and not isinstance(value, dict):
            knobs = ", ".join(f"{key}.{name}" for name in _knobs(node)) or f"{key}.NAME"
            raise ConfigError(f"{override.input_line}: {key} is a group of knobs, not a choice here; set {knobs}")
        if name == "_target_":
            raise _unknown(key, OmegaConf.select(config, above))
        OmegaConf.update(config, key, value)
    except OmegaConfBaseException as error:
        raise _mistake(override, error) from error


def _mistake(override: Override, error: OmegaConfBaseException) -> ConfigError:
    """What OmegaConf's error means for the command line; the error knows the wrong key and the node around it."""
    key = str(error.full_key)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        return _unknown(key, error.parent_node)
    if str(override.key_or_group).startswith(f"{key}."):
        return ConfigError(f"{override.key_or_group}: {key} is a value; nothing stands below it")
    reason = str(error).strip().splitlines()[0]
    reason = "null is not allowed here" if reason.endswith("is not Optional") else reason
    return ConfigError(f"{override.input_line}: {reason}")


def _unknown(key: str, parent: DictConfig) -> ConfigError:
    above, _, name = key.rpartition(".")
    valid = one_of(_knobs(parent), name) or "none"
    return ConfigError(f"{key}: no such knob; {above or 'this command'} has {valid}")


def _knobs(node: DictConfig) -> list[str]:
    return [str(name) for name in node if name != "_target_"]
