"""From a frozen dataclass of knobs to a node for Hydra's ConfigStore, and from a composed node to the object."""

from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields, is_dataclass, make_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

T = TypeVar("T")


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
    if default is not MISSING:
        return knob.name, _typed(knob.type), field(default=_choice(default))
    factory: Callable[[], Any] = knob.default_factory  # pyright: ignore[reportAssignmentType]
    return knob.name, knob.type, field(default_factory=factory)


def _typed(annotation: Any) -> Any:
    """The annotation, with an enumeration replaced by its choices."""
    if isinstance(annotation, type):
        return choices(annotation) if issubclass(annotation, Enum) else annotation
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return _typed(inner[0]) | None if len(inner) == 1 and type(None) in get_args(annotation) else annotation


def _choice(default: Any) -> Any:
    return choices(type(default))[default.name.lower()] if isinstance(default, Enum) else default


@cache
def choices(enumeration: type[Enum]) -> Any:
    """The enumeration as it is typed and printed, in lower case; each member's value is the real member.

    OmegaConf reads and writes members by name, and ours have their names in capitals.
    """
    return Enum(enumeration.__name__, {member.name.lower(): member for member in enumeration})


def from_words(knobs: type[T]) -> T:
    """A script's knobs as its command line gives them: key=value, choices in lower case."""
    return build(OmegaConf.merge(OmegaConf.structured(schema(knobs)), OmegaConf.from_cli()))


def build(node: Any) -> Any:
    """The object that a composed node describes. Raises what its class raises: KnobError, ProblemError, ..."""
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    try:
        return instantiate(_real(plain), _convert_="all")
    except InstantiationException as failure:
        cause: BaseException = failure
        while isinstance(cause, InstantiationException) and cause.__cause__:
            cause = cause.__cause__
        raise cause from None


def _real(value: Any) -> Any:
    """The plain value with every choice replaced by the real member."""
    if isinstance(value, dict):
        return {key: _real(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_real(item) for item in value]
    return value.value if isinstance(value, Enum) and isinstance(value.value, Enum) else value
