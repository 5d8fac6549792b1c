"""An algorithm's own history of a search: its events, which name nodes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from search.tree.checks import checked_list, whole_number
from search.tree.cost import Ledger
from search.tree.node import Node

_WORDS = frozenset({"node", "nodes", "plain"})  # a dictionary with one of these as its only key is no plain one


class Event(NamedTuple):
    """One entry of the record; `data` is plain JSON, in which nodes may stand anywhere as values."""

    name: str
    birth: Ledger
    data: dict[str, Any]


def to_plain(data: Any, number: Callable[[Node], Any]) -> Any:
    """Event data as JSON: a node becomes {"node": number}, a list of nodes {"nodes": [numbers]}."""
    if isinstance(data, Node):
        return {"node": number(data)}
    if isinstance(data, (list, tuple)):
        entries = cast(Sequence[Any], data)
        kinds = set(map(type, entries))
        if kinds == {Node}:
            return {"nodes": [number(entry) for entry in entries]}
        if kinds <= {int, float}:
            return list(entries)
        return [to_plain(entry, number) for entry in entries]
    if isinstance(data, dict):
        named = cast(dict[str, Any], data)
        plain = {name: to_plain(value, number) for name, value in named.items()}
        return {"plain": plain} if _is_word(named) else plain
    return data


def from_plain(data: Any, nodes: Sequence[Node]) -> Any:
    """The opposite of `to_plain`, where a node's number is its place in `nodes`. Raises ValueError."""
    if isinstance(data, list):
        return [from_plain(entry, nodes) for entry in cast(list[Any], data)]
    if not isinstance(data, dict):
        return data
    named = cast(dict[str, Any], data)
    if not _is_word(named):
        return {name: from_plain(value, nodes) for name, value in named.items()}
    ((word, value),) = named.items()
    if word == "node":
        return _node(value, nodes)
    if word == "nodes":
        return [_node(number, nodes) for number in checked_list(value, "nodes")]
    if not isinstance(value, dict):
        raise ValueError(f"plain is {value!r}; it must be an object")
    return {name: from_plain(below, nodes) for name, below in cast(dict[str, Any], value).items()}


def _node(number: Any, nodes: Sequence[Node]) -> Node:
    return nodes[whole_number(number, "node", most=len(nodes) - 1)]


def _is_word(data: dict[str, Any]) -> bool:
    return len(data) == 1 and not data.keys().isdisjoint(_WORDS)
