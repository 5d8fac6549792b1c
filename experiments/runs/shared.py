"""Equal values that many results have are kept once: ids, questions, answers, samples."""

from sys import intern
from typing import Any, TypeVar

T = TypeVar("T")


class Shared:
    """`same(value)` is the first value that it was given of the same type, contents and types of contents."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def same(self, value: T) -> T:
        """Texts, numbers and named tuples of them; 1, 1.0 and True differ."""
        key = (type(value), value, *map(type, value)) if isinstance(value, tuple) else (type(value), value)
        return self._known.setdefault(key, value)

    def same_items(self, row: dict[str, Any]) -> dict[str, Any]:
        """A dictionary of texts and numbers, which nobody may change."""
        key = (dict, *row.items(), *map(type, row.values()))
        if key not in self._known:
            self._known[key] = {intern(name): value for name, value in row.items()}
        return self._known[key]
