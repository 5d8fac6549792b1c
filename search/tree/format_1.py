"""Trees of the first file format: nodes and events name nodes by their paths, numbers are lists, ledgers objects."""

from collections.abc import Mapping
from typing import Any

from search.tree.checks import checked_fields, checked_list, checked_text, finite, plain_object, whole_number
from search.tree.event import Event
from search.tree.ledger_json import ledger_from_json
from search.tree.node import Node, Path
from search.tree.node_json import path_from_json
from search.tree.step import End, Step

_NODE = ("path", "reserved", "text", "token_ids", "logprobs", "entropy", "end", "score", "birth", "stats")
_PATHS = frozenset({"nodes", "kept"})  # lists of paths in an event's data


def add_node(nodes: dict[Path, Node], entry: Any) -> None:
    """Adds the node of an entry to the tree, and to those before it by path. Raises ValueError."""
    fields = checked_fields(entry, "the node", _NODE)
    path = path_from_json(fields["path"], "path")
    if not path or path[:-1] not in nodes:
        raise ValueError(f"path is {list(path)}; no node stands above it")
    numbers = [fields[name] for name in ("token_ids", "logprobs", "entropy")]
    ids, logprobs, entropy = (None if found is None else checked_list(found, "numbers") for found in numbers)
    if ids is None or logprobs is None:
        raise ValueError("token_ids or logprobs is null; each must be a list")
    step = Step(checked_text(fields["text"], "text"), ids, logprobs, End(checked_text(fields["end"], "end")), entropy)
    node = nodes[path] = nodes[path[:-1]].add(path[-1], step)
    node.reserve(whole_number(fields["reserved"], "reserved"))
    node.score = None if fields["score"] is None else finite(fields["score"], "score")
    node.birth = None if fields["birth"] is None else ledger_from_json(fields["birth"], "birth")
    if stats := plain_object(fields["stats"], "stats"):
        node.stats = stats


def event_from_json(nodes: Mapping[Path, Node], entry: Any) -> Event:
    """The event of an entry, with nodes in place of their paths. Raises ValueError."""
    fields = checked_fields(entry, "the event", ("name", "birth", "data"))
    data = {
        name: [_at(nodes, path, name) for path in checked_list(value, name)] if name in _PATHS else value
        for name, value in plain_object(fields["data"], "data").items()
    }
    return Event(checked_text(fields["name"], "name"), ledger_from_json(fields["birth"], "birth"), data)


def _at(nodes: Mapping[Path, Node], path: Any, name: str) -> Node:
    node = nodes.get(path_from_json(path, name))
    if node is None:
        raise ValueError(f"{name} names {path}; there is no node")
    return node
