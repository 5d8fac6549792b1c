"""An override of the command line, `key=value`: parses it and sets it in a config. A mistake raises ConfigError.

The grammar is Hydra's. The value of a text knob stays as it was typed: 1e5, true and \\(y\\) are texts there.
"""

import re
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf, StringNode
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from experiments.config.hints import alike, of_key, of_knob, of_option, of_place
from experiments.config.registry import of_group
from experiments.errors import ConfigError, one_of
from search.answers.escapes import unescaped

NO_LAUNCHER = (
    "stepsearch sweep takes lists as budgets=, budget.*= and seeds=; for any other knob run once for each value"
)

ESCAPED = frozenset(
    ("delimiter", "separator", "tag", "good", "bad", "mark", "stop", "wait_text", "system_prompt", "prompt", "solution")
)
"""The knobs of text that a model reads or writes. Paths, names and regular expressions stay as they are typed."""


@lru_cache(1024)
def parse(text: str) -> Override:
    """Parses `key=value`, once for all readers. A value that is no Hydra syntax is plain text. Raises ConfigError."""
    key, equals, value = text.partition("=")
    if key.startswith("-"):
        raise ConfigError(of_option(text))
    if reason := of_key(key):
        raise ConfigError(f"{text}: {reason}")
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
        override.input_line = f"{key.lstrip('+')}={value}"
    if override.package is not None:
        raise ConfigError(of_place(text, str(override.key_or_group)))
    return override


def single(override: Override) -> Any:
    """The value as Hydra reads it. Raises ConfigError where it is several, as for a sweep of Hydra's."""
    if override.is_sweep_override():
        raise ConfigError(f"{override.input_line}: it takes one value; {NO_LAUNCHER}")
    return override.value()


def listed(override: Override) -> Any:
    """The value of a knob that takes a list: `1,4,16` is the list [1,4,16], and a value alone a list of one.

    Brackets are allowed; null and an interpolation stay what they are. Raises ConfigError.
    """
    key, _, typed = str(override.input_line).partition("=")
    if typed == "null" or typed.startswith(("[", "${")):
        return _flat(override, single(override))
    if override.is_range_sweep():
        raise ConfigError(f"{override.input_line}: a range is Hydra's and none here; write its values: {key}=A,B")
    if not typed.strip():
        raise ConfigError(f"{override.input_line}: it takes a list; write its values: {key}=A,B")
    parser = OverridesParser.create()
    try:
        return _flat(override, single(parser.parse_override(f"{key.lstrip('+')}=[{typed}]")))
    except HydraException:  # an item is no Hydra syntax and thus plain text
        return [part.strip() for part in typed.split(",")]


def _flat(override: Override, value: Any) -> Any:
    """The list. Raises ConfigError where an item is itself several values."""
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        raise ConfigError(f"{override.input_line}: it takes a list of single values: A,B")
    return value


def _as_typed(override: Override) -> str | None:
    """The value of a text knob: what was typed, less the quotes around it; None for null."""
    typed = str(override.input_line).partition("=")[2]
    quoted = len(typed) > 1 and typed[0] in "'\"" and typed[-1] == typed[0]
    return single(override) if quoted or typed == "null" else typed


def _escaped(name: str, value: Any) -> Any:
    r"""The value of a knob; `\n` and `\t` in texts of the knobs ESCAPED are line break and tab."""
    if isinstance(value, dict):
        return {key: _escaped(str(key), below) for key, below in value.items()}
    if isinstance(value, list):
        return [_escaped(name, item) for item in value]
    return unescaped(value) if isinstance(value, str) and name in ESCAPED else value


def apply(config: DictConfig, override: Override) -> None:
    """Sets one knob. Raises ConfigError for an unknown key, a group of knobs, or a value of the wrong type."""
    key = str(override.key_or_group)
    above, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(config, key)
        value = _escaped(name, _value(config, override))
        if isinstance(node, DictConfig) and not isinstance(value, dict):
            knobs = ", ".join(f"{key}.{name}" for name in _knobs(node)) or f"{key}.NAME"
            raise ConfigError(f"{override.input_line}: {key} is a group of knobs, not a choice here; set {knobs}")
        if name == "_target_":
            raise _unknown(key, OmegaConf.select(config, above))
        OmegaConf.update(config, key, value)
    except OmegaConfBaseException as error:
        raise _mistake(override, error) from error


def _value(config: DictConfig, override: Override) -> Any:
    """The value as the knob's type takes it: a text as typed, a list without brackets, or what Hydra reads."""
    above, _, name = str(override.key_or_group).rpartition(".")
    parent = OmegaConf.select(config, above) if above else config
    node = parent._get_node(name) if isinstance(parent, DictConfig) and name in parent else None
    if isinstance(node, StringNode):
        return _as_typed(override)
    several = override.is_sweep_override() and isinstance(node, AnyNode)
    return listed(override) if isinstance(node, ListConfig) or several else single(override)


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
    valid = _knobs(parent)
    groups = [] if above else valid
    elsewhere = [f"{group}.{knob}" for group in groups for knob in _below(parent, group) if alike(name, knob)]
    shown = one_of(valid, name) or "none"
    hint = "" if "Did you mean" in shown else of_knob(above, name, valid, elsewhere) or of_group(above, name)
    return ConfigError(f"{key}: no such knob; {above or 'this command'} has {shown}{hint}")


def _below(node: DictConfig, group: str) -> list[str]:
    inner = node._get_node(group)
    return _knobs(inner) if isinstance(inner, DictConfig) and not inner._is_none() else []


def _knobs(node: DictConfig) -> list[str]:
    return [str(name) for name in node if name != "_target_"]
