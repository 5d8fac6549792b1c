"""Ledgers as JSON: one alone as an object, many as a table of columns."""

import math
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from search.tree.checks import checked_fields, checked_list, finite, shortened, whole_number
from search.tree.cost import Ledger

_TYPES: dict[str, type] = {field: type(default) for field, default in Ledger._field_defaults.items()}
_UNKNOWN = frozenset(name for name in Ledger._fields if name.endswith(("flops", "tokens", "_computed", "_cached")))
"""may be None"""


def ledgers_to_json(ledgers: Sequence[Ledger]) -> dict[str, list[Any]]:
    """A list for each field, [N] each; `at_least` is left out where it is always False."""
    columns = zip(*ledgers, strict=True) if ledgers else repeat(())
    table = {name: list(column) for name, column in zip(Ledger._fields, columns, strict=False)}
    return table if any(table["at_least"]) else {name: table[name] for name in table if name != "at_least"}


def ledgers_from_json(data: Any) -> list[Ledger]:
    """Columns that are missing have the default."""
    table = checked_fields(data, "ledgers", (), Ledger._fields)
    columns = {name: checked_list(column, f"ledgers.{name}") for name, column in table.items()}
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns of ledgers are not of one length")
    for name, column in columns.items():
        if not _plain(column, name):
            for row, value in enumerate(column):
                _check(value, name, f"ledgers.{name}[{row}]")
    if not columns:
        return []
    whole = [columns.get(name) or repeat(default) for name, default in Ledger._field_defaults.items()]
    return [Ledger._make(row) for row in zip(*whole, strict=False)] if any(columns.values()) else []


def ledger_from_json(data: Any, name: str) -> Ledger:
    """Fields that are missing have the default."""
    fields = checked_fields(data, name, (), Ledger._fields)
    for field, value in fields.items():
        _check(value, field, f"{name}.{field}")
    return Ledger(**fields)


def _plain(column: list[Any], field: str) -> bool:
    """Whether all values are of the field's own type and none is out of bounds: what is so almost always, at once."""
    kind = _TYPES[field]
    if set(map(type, column)) != {kind}:
        return False
    return kind is bool or (min(column) >= 0 if kind is int else all(map(math.isfinite, column)))


def _check(value: Any, field: str, place: str) -> None:
    default = Ledger._field_defaults[field]
    if type(default) is bool:
        if type(value) is not bool:
            raise ValueError(f"{place} is {shortened(value)}; it must be true or false")
    elif value is None and field in _UNKNOWN:
        return
    elif type(default) is int:
        whole_number(value, place)
    else:
        finite(value, place)
