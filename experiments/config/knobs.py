"""What the help shows of a dataclass of knobs: names, defaults, choices and the line of prose below each.

Read from the source, so that no model library is imported to print a help text.
"""

import ast
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

_BARE = re.compile(r"[\w./:][\w./:-]*")  # a text that needs no quotes


class Knob(NamedTuple):
    """`default` as it is typed; `choices` of an enumeration; `nested` is module:Class of a group of knobs."""

    name: str
    default: str
    prose: str
    choices: tuple[str, ...] = ()
    nested: str | None = None


def summary(name: str) -> str:
    """The first sentence about a class, `module:Class`."""
    return (ast.get_docstring(_class(name)) or "").partition("\n\n")[0].replace("\n", " ").rstrip(".")


def knobs(name: str) -> list[Knob]:
    """The knobs of the dataclass `module:Class`, those of its bases first; a repeated one keeps its place."""
    module, _, _ = name.partition(":")
    found: dict[str, Knob] = {}
    for base in reversed(_class(name).bases):
        if isinstance(base, ast.Name):
            found |= {knob.name: knob for knob in knobs(f"{_home(module, base.id)}:{base.id}")}
    for knob in _own_knobs(module, _class(name)):
        prose = knob.prose or (found[knob.name].prose if knob.name in found else "")
        found[knob.name] = knob._replace(prose=prose)
    return list(found.values())


def _home(module: str, name: str) -> str:
    """The module that a module's class comes from."""
    imports = [line for line in _parsed(module).body if isinstance(line, ast.ImportFrom) and line.module]
    return next((str(line.module) for line in imports if name in [alias.name for alias in line.names]), module)


def _own_knobs(module: str, node: ast.ClassDef) -> Iterator[Knob]:
    for field, below in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and not _of_class(field.annotation):
            prose = below.value if isinstance(below, ast.Expr) else None
            text = " ".join(str(prose.value).split()) if isinstance(prose, ast.Constant) else ""
            kinds = [_resolve(module, part) for part in ast.walk(field.annotation) if isinstance(part, ast.Name)]
            enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
            members = tuple(member.name.lower() for enum in enums for member in enum)
            nested = [kind for kind in kinds if hasattr(kind, "__dataclass_fields__")]
            inside = f"{nested[0].__module__}:{nested[0].__name__}" if nested else None
            yield Knob(field.target.id, _shown(_default(module, field.value)), text, members, inside)


def _of_class(annotation: ast.expr) -> bool:
    """Whether it says ClassVar, which is no knob."""
    return any(isinstance(part, ast.Name) and part.id == "ClassVar" for part in ast.walk(annotation))


def _default(module: str, node: ast.expr | None) -> Any:
    """The value of a default; of `field(default_factory=...)`, what the factory makes."""
    if node is None:
        return ""
    if isinstance(node, ast.Call):
        factory = node.keywords[0].value
        return _default(module, factory.body) if isinstance(factory, ast.Lambda) else _resolve(module, factory)()
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _resolve(module, node)


def _shown(value: Any) -> str:
    """A default as one would type it."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, str) and not _BARE.fullmatch(value) else str(value)


def _resolve(module: str, node: ast.expr) -> Any:
    """What an expression such as `Prior.SHARE` stands for; only the module that defines its first name is imported."""
    if isinstance(node, ast.Subscript):
        container = _resolve(module, node.value)
        return container if isinstance(container, type) else container[ast.literal_eval(node.slice)]
    if isinstance(node, ast.Attribute):
        return getattr(_resolve(module, node.value), node.attr)
    if not isinstance(node, ast.Name):
        return None
    builtin = {"int": int, "str": str, "float": float, "bool": bool, "dict": dict, "list": list}.get(node.id)
    if builtin:
        return builtin
    for line in _parsed(module).body:
        if isinstance(line, ast.ImportFrom) and line.module and node.id in [alias.name for alias in line.names]:
            return getattr(import_module(line.module), node.id, None)
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant) and node.id in map(_id, line.targets):
            return line.value.value
    return getattr(import_module(module), node.id)


def _id(target: ast.expr) -> str | None:
    return target.id if isinstance(target, ast.Name) else None


def _class(name: str) -> ast.ClassDef:
    module, _, attribute = name.partition(":")
    return next(n for n in _parsed(module).body if isinstance(n, ast.ClassDef) and n.name == attribute)


@cache
def _parsed(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return ast.parse(Path(spec.origin).read_text("utf-8"))
