"""Nodes as JSON, and back, without loss."""

from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from search.tree.checks import (
    checked_fields,
    checked_flag,
    checked_list,
    checked_text,
    finite,
    plain_object,
    whole_number,
)
from search.tree.cost import Ledger
from search.tree.node import Node
from search.tree.numbers import Integers, Reals
from search.tree.step import End, Step

T = TypeVar("T", Integers, Reals)
_NEEDED = ("parent", "index", "text", "end")
_COUNTS = ("given", "observed", "closing")
_OPTIONAL = (
    "reserved", "token_ids", "logprobs", "entropy", *_COUNTS, "action", "thought", "writer", "score", "birth",
    "sources", "stats",
)  # fmt: skip


def node_to_json(node: Node, number: Callable[[Node], int], row: Callable[[Ledger], int]) -> dict[str, Any]:
    """All of a node but its children; what has its default is left out.

    `number` is a node's place in the list that begins with the root, `row` a ledger's place in the table.
    """
    step, parent = node.step, node.parent
    assert step is not None and parent is not None
    entry: dict[str, Any] = {"parent": number(parent), "index": node.index}
    if reserved := node.reserve(0).start:
        entry["reserved"] = reserved
    entry["text"] = step.text
    for name, numbers in (("token_ids", step.token_ids), ("logprobs", step.logprobs), ("entropy", step.entropy)):
        if numbers is not None and (numbers or name == "entropy"):
            assert isinstance(numbers, (Integers, Reals))
            entry[name] = numbers.to_text()
    entry |= {name: count for name in _COUNTS if (count := getattr(step, name))}
    if step.action:
        entry["action"] = step.action
    if step.thought:
        entry["thought"] = True
    if step.writer:
        entry["writer"] = step.writer
    entry["end"] = str(step.end)
    if node.score is not None:
        entry["score"] = node.score
    if node.birth is not None:
        entry["birth"] = row(node.birth)
    if node.sources:
        entry["sources"] = [list(path) for path in node.sources]
    if node.has_stats:
        entry["stats"] = node.stats
    return entry


def add_node_from_json(nodes: list[Node], entry: Any, ledgers: Sequence[Ledger]) -> None:
    """Adds the node of an entry to the tree, and to the list of those before it, which begins with the root.

    Raises ValueError for what is missing, unknown or of a wrong type.
    """
    fields = checked_fields(entry, "the node", _NEEDED, _OPTIONAL)
    get = fields.get
    step = Step(
        checked_text(fields["text"], "text"),
        numbers_from_json(get("token_ids", ""), "token_ids", Integers),
        numbers_from_json(get("logprobs", ""), "logprobs", Reals),
        End(checked_text(fields["end"], "end")),
        None if (entropy := get("entropy")) is None else numbers_from_json(entropy, "entropy", Reals),
        *(get(name, 0) for name in _COUNTS),
        action=checked_text(get("action", ""), "action"),
        thought=checked_flag(get("thought", False), "thought"),
        writer=checked_text(get("writer", ""), "writer"),
    )
    parent = nodes[whole_number(fields["parent"], "parent", most=len(nodes) - 1)]
    node = parent.add(whole_number(fields["index"], "index"), step)
    node.reserve(whole_number(get("reserved", 0), "reserved"))
    if (score := get("score")) is not None:
        node.score = finite(score, "score")
    if (birth := get("birth")) is not None:
        node.birth = ledgers[whole_number(birth, "birth", most=len(ledgers) - 1)]
    if (sources := get("sources")) is not None:
        node.sources = tuple(path_from_json(path, "sources") for path in checked_list(sources, "sources"))
    if (stats := get("stats")) is not None:
        node.stats = plain_object(stats, "stats")
    nodes.append(node)


def numbers_from_json(text: Any, name: str, kind: type[T]) -> T:
    checked_text(text, name)
    try:
        return kind.from_text(text)
    except Base64Error as error:
        raise ValueError(f"{name} is not base64: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def path_from_json(path: Any, name: str) -> tuple[int, ...]:
    return tuple(whole_number(index, name) for index in checked_list(path, name))
