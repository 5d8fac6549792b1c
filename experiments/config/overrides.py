"""An override of the command line, `key=value`: parses it and sets it in a config. A mistake raises ConfigError."""

import re

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from experiments.errors import ConfigError, one_of


def parse(text: str) -> Override:
    """Parses `key=value`. A value that is no Hydra syntax is plain text. Raises ConfigError."""
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


def apply(config: DictConfig, override: Override) -> None:
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
    if "is not a ListConfig" in reason:
        key, _, value = str(override.input_line).partition("=")
        reason = f"it takes a list; write {key}=[{value}]"
    return ConfigError(f"{override.input_line}: {reason}")


def _unknown(key: str, parent: DictConfig) -> ConfigError:
    above, _, name = key.rpartition(".")
    valid = one_of(_knobs(parent), name) or "none"
    return ConfigError(f"{key}: no such knob; {above or 'this command'} has {valid}")


def _knobs(node: DictConfig) -> list[str]:
    return [str(name) for name in node if name != "_target_"]
