"""Checks of what was read from a file: each returns the value, or raises ValueError that names it."""

import math
from collections.abc import Iterable
from typing import Any, cast


def checked_fields(value: Any, name: str, needed: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """An object with all the needed fields and no unknown ones."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {shortened(value)}; it must be an object")
    found, needed = cast(dict[str, Any], value), set(needed)
    if missing := needed - found.keys():
        raise ValueError(f"{name} has no {', '.join(sorted(missing))}")
    if unknown := found.keys() - needed - set(optional):
        raise ValueError(f"{name} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    return found


def checked_list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {shortened(value)}; it must be a list")
    return cast(list[Any], value)


def checked_text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise ValueError(f"{name} is {shortened(value)}; it must be a text")
    return value


def checked_flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {shortened(value)}, not true or false")
    return value


def whole_number(value: Any, name: str, least: float = 0, most: float = math.inf) -> int:
    if type(value) is not int or not least <= value <= most:
        bounds = f"of at least {least}" if math.isinf(most) else f"from {least} to {most}"
        raise ValueError(f"{name} is {shortened(value)}; it must be a whole number {bounds}")
    return value


def finite(value: Any, name: str) -> float:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return value
    except OverflowError:
        pass
    raise ValueError(f"{name} is {shortened(value)}; it must be a finite number")


def plain_object(value: Any, name: str) -> dict[str, Any]:
    """An object of which every number is finite."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {shortened(value)}; it must be an object")
    _plain(value, name)
    return cast(dict[str, Any], value)


def shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _plain(value: Any, name: str) -> None:
    match value:
        case None | bool() | str():
            pass
        case int() | float():
            finite(value, name)
        case list():
            entries = cast(list[Any], value)
            for entry in () if _finite_numbers(entries) else entries:
                _plain(entry, name)
        case dict():
            for key, below in cast(dict[Any, Any], value).items():
                checked_text(key, f"a key of {name}")
                _plain(below, f"{name}.{key}")
        case _:
            raise ValueError(f"{name} holds {shortened(value)}, a {type(value).__name__}; it must be plain JSON")


def _finite_numbers(entries: list[Any]) -> bool:
    """Whether all are finite numbers: told at once, for lists of them are long."""
    try:
        return set(map(type, entries)) <= {int, float} and all(map(math.isfinite, entries))
    except OverflowError:
        return False
