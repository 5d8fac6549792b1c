"""A tree's nodes and record as the lists of its file, and back.

Format 2 holds the root and the nodes, parents first; a node is named by its number in this order, the root by 0. All
ledgers stand in one table, numbers of a step are base64 of little-endian integers or single-precision reals.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from search.tree import format_1
from search.tree.checks import checked_fields, checked_list, checked_text, plain_object, whole_number
from search.tree.cost import Ledger
from search.tree.event import Event, from_plain, to_plain
from search.tree.ledger_json import ledgers_from_json, ledgers_to_json
from search.tree.node import Node
from search.tree.node_json import add_node_from_json, node_to_json

T = TypeVar("T")
FORMAT = 2


def contents_to_json(nodes: Sequence[Node], record: Sequence[Event]) -> dict[str, Any]:
    """`root`, `nodes`, `record` and `ledgers`; `nodes` begins with the root, parents come first."""
    numbers = {node: number for number, node in enumerate(nodes)}
    rows: dict[int, int] = {}
    ledgers: list[Ledger] = []

    def row(ledger: Ledger) -> int:
        """Ledgers that several nodes share are written once."""
        if id(ledger) not in rows:
            rows[id(ledger)] = len(ledgers)
            ledgers.append(ledger)
        return rows[id(ledger)]

    root = nodes[0]
    return {
        "root": {"reserved": root.reserve(0).start, "stats": root.stats if root.has_stats else {}},
        "nodes": [node_to_json(node, numbers.__getitem__, row) for node in nodes[1:]],
        "record": [
            {"name": event.name, "birth": row(event.birth), "data": _data_to_json(event, numbers)} for event in record
        ],
        "ledgers": ledgers_to_json(ledgers),
    }


def contents_from_json(root: Node, data: dict[str, Any]) -> list[Event]:
    """Adds the nodes below the root and returns the record. Raises ValueError, with the place, for what is not so."""
    fields = checked_fields(data["root"], "root", ("reserved", "stats"))
    root.reserve(whole_number(fields["reserved"], "root.reserved"))
    if stats := plain_object(fields["stats"], "root.stats"):
        root.stats = stats
    if data["format"] == 1:
        by_path = {(): root}
        _each(data, "nodes", lambda entry: format_1.add_node(by_path, entry))
        return _each(data, "record", lambda entry: format_1.event_from_json(by_path, entry))
    ledgers = ledgers_from_json(data["ledgers"])
    nodes = [root]
    _each(data, "nodes", lambda entry: add_node_from_json(nodes, entry, ledgers))
    for number, node in enumerate(nodes[1:]):
        for path in node.sources:
            if not root.has(path):
                raise ValueError(f"nodes[{number}]: sources names {list(path)}; there is no node")
    return _each(data, "record", lambda entry: _event(entry, nodes, ledgers))


def _each(data: dict[str, Any], name: str, read: Callable[[Any], T]) -> list[T]:
    results: list[T] = []
    for place, entry in enumerate(checked_list(data[name], name)):
        try:
            results.append(read(entry))
        except ValueError as error:
            raise ValueError(f"{name}[{place}]: {error}") from None
    return results


def _event(entry: Any, nodes: Sequence[Node], ledgers: Sequence[Ledger]) -> Event:
    fields = checked_fields(entry, "the event", ("name", "birth", "data"))
    birth = ledgers[whole_number(fields["birth"], "birth", most=len(ledgers) - 1)]
    data = {name: from_plain(value, nodes) for name, value in plain_object(fields["data"], "data").items()}
    return Event(checked_text(fields["name"], "name"), birth, data)


def _data_to_json(event: Event, numbers: dict[Node, int]) -> dict[str, Any]:
    return {name: to_plain(value, numbers.__getitem__) for name, value in event.data.items()}
