"""From a frozen dataclass of knobs to a node for Hydra's ConfigStore, and from a composed node to the object."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass, make_dataclass
from enum import Enum
from functools import cache
from pkgutil import resolve_name
from typing import Any, get_args

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.errors import ConfigError, one_of


def schema(knobs: type, target: str | None = None, **defaults: Any) -> type:
    """A plain dataclass of the same typed knobs, which OmegaConf can write to; `knobs` itself stays frozen.

    `target` is what builds the object, the class itself where None. `defaults` replace the class's own.
    """
    columns = [_column(knob, defaults.get(knob.name, knob.default)) for knob in fields(knobs) if knob.init]
    target = target or f"{knobs.__module__}.{knobs.__qualname__}"
    return make_dataclass(knobs.__name__, [("_target_", str, target), *columns])


def _column(knob: "Field[Any]", default: Any) -> tuple[str, Any, Any]:
    """Name, type and default of one knob as OmegaConf takes them."""
    if is_dataclass(knob.type):
        nested = schema(knob.type)  # pyright: ignore[reportArgumentType]
        return knob.name, nested, field(default_factory=nested)
    if default is MISSING:
        factory: Callable[[], Any] = knob.default_factory  # pyright: ignore[reportAssignmentType]
        return knob.name, knob.type, field(default_factory=factory)
    kind, *none = get_args(knob.type) or (knob.type,)
    if isinstance(kind, type) and issubclass(kind, Enum):
        members = lower_case(kind)
        default = None if default is None else members[default.name.lower()]
        return knob.name, members | None if none else members, field(default=default)
    return knob.name, knob.type, field(default=default)


@cache
def lower_case(enumeration: type[Enum]) -> Any:
    """The enumeration with names in lower case, as they are typed; each member's value is the real member.

    OmegaConf reads and writes members by name.
    """
    return Enum(enumeration.__name__, {member.name.lower(): member for member in enumeration})


def open_args(node: DictConfig) -> None:
    """Lets `args`, `template`, `vllm`, `extra` and `continuing` take any key: arguments of others, no knobs of ours."""
    for name in ("args", "template", "vllm", "extra", "continuing"):
        if isinstance(node.get(name), DictConfig):
            OmegaConf.set_struct(node[name], False)


def build(node: DictConfig | ListConfig) -> Any:
    """The object that a composed node describes. Raises what its class raises: KnobError, ProblemError, ..."""
    try:
        values = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{error.full_key}: {reason}; write a value, or ${{KNOB}} of another knob") from error
    return _object(values)


def class_of(classes: Mapping[str, type], name: str, key: str, kind: str) -> type:
    """The class of a name that was typed as `key`. Raises ConfigError where there is no such `kind`."""
    if name not in classes:
        raise ConfigError(f"{key}: no such {kind} {name!r}; choose from {one_of([*classes, 'module:Class'], name)}")
    return classes[name]


def build_named(cls: type, name: str, values: Mapping[str, Any], label: str) -> Any:
    """The object of a class that is called `name`, with knobs that were typed as `label`.KNOB=VALUE.

    Raises ConfigError for a knob that it does not have and for a value of the wrong type.
    """
    valid = [knob.name for knob in fields(cls) if knob.init]
    for knob in values:
        if knob not in valid:
            raise ConfigError(f"{label}.{knob}: no such knob; {name} has {one_of(valid, knob)}")
    node = OmegaConf.structured(schema(cls))
    for knob, value in values.items():
        try:
            node[knob] = value
        except OmegaConfBaseException as error:
            raise ConfigError(f"{label}.{knob}={value}: {str(error).splitlines()[0]}") from error
    return build(node)


def _object(value: Any) -> Any:
    """The value with members of real enumerations, and each mapping that has a `_target_` as what the target makes."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_object(item) for item in value]
    if not isinstance(value, dict):
        return value
    values = {name: _object(item) for name, item in value.items()}
    return resolve_name(values.pop("_target_"))(**values) if "_target_" in values else values
