"""The knobs of a dataclass as a help text shows them: name, default, choices and the prose below each field."""

import ast
import inspect
import re
import textwrap
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple, get_args

_BARE = re.compile(r"[\w./:][\w./:-]*")  # a text that needs no quotes


class Knob(NamedTuple):
    """`default` as it is typed; `choices` of an enumeration; `nested` is the dataclass of a group of knobs."""

    name: str
    default: str
    prose: str
    choices: tuple[str, ...] = ()
    nested: type | None = None


def summary(cls: type) -> str:
    """The first sentence of a class's docstring."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ").rstrip(".")


def knobs(cls: type) -> list[Knob]:
    """The knobs of a dataclass, those of its bases first; a repeated one keeps its place, and its prose if it has none.

    The class must be written in a file: its prose is read from there.
    """
    prose: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if is_dataclass(base):
            prose |= _prose(base)
    return [_knob(field, prose.get(field.name, "")) for field in fields(cls)]


@cache
def _prose(cls: type) -> dict[str, str]:
    """The text below each field that the class itself declares."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(str(below.value.value).split())
        for field, below in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def _knob(field: "Field[Any]", prose: str) -> Knob:
    kinds = [kind for kind in (field.type, *get_args(field.type)) if isinstance(kind, type)]
    choices = tuple(member.name.lower() for kind in kinds if issubclass(kind, Enum) for member in kind)
    default = field.default if field.default_factory is MISSING else field.default_factory()
    nested = next((kind for kind in kinds if is_dataclass(kind)), None)
    return Knob(field.name, "" if default is MISSING else typed(default), prose, choices, nested)


def typed(value: Any) -> str:
    """A value as one types it on a command line."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, list):
        return ",".join(map(typed, value)) or "[]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, str) and not _BARE.fullmatch(value) else str(value)
