"""A node as plain JSON, and back, without loss."""

from typing import Any

from search.tree.cost import Ledger
from search.tree.node import Node
from search.tree.step import End, Step


def node_to_json(node: Node) -> dict[str, Any]:
    """All of a node but its children: an entry of the list in which parents come first."""
    step = node.step
    assert step is not None
    return {
        "path": list(node.path),
        "reserved": node.reserve(0).start,
        "text": step.text,
        "token_ids": list(step.token_ids),
        "logprobs": list(step.logprobs),
        "entropy": None if step.entropy is None else list(step.entropy),
        "end": str(step.end),
        "score": node.score,
        "birth": None if node.birth is None else node.birth.to_json(),
        "stats": node.stats,
    }


def add_node_from_json(root: Node, entry: dict[str, Any]) -> None:
    """Adds the node of an entry to the tree below `root`, where its parent stands already."""
    *above, index = entry["path"]
    entropy = None if entry["entropy"] is None else tuple(entry["entropy"])
    step = Step(entry["text"], tuple(entry["token_ids"]), tuple(entry["logprobs"]), End(entry["end"]), entropy)
    node = root.at(tuple(above)).add(index, step)
    node.reserve(entry["reserved"])
    node.score, node.stats = entry["score"], entry["stats"]
    node.birth = None if entry["birth"] is None else Ledger(**entry["birth"])
