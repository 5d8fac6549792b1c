"""A tree as a graph of networkx, which writes it to GraphML and others."""

import re
from collections.abc import Iterable
from typing import Any

import networkx as nx

from search.tree.node import Node

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def graph_of(question: str, seed: int, nodes: Iterable[Node]) -> "nx.DiGraph[str]":
    """Nodes, parents first, named by their path ("root", "0", "0.1"); what XML cannot hold is replaced.

    Attributes are `text`, `end`, `born`, `score`, `action` and `writer` where there is one, and each number or text
    that an algorithm keeps, as `stats.` and its name.
    """
    question = _NOT_XML.sub("\ufffd", question)
    graph: nx.DiGraph[str] = nx.DiGraph(question=question, seed=seed)
    graph.add_node("root", text=question)
    names: dict[Node, str] = {}
    for node in nodes:
        assert node.step is not None and node.parent is not None
        above = names.get(node.parent)
        names[node] = name = str(node.index) if above is None else f"{above}.{node.index}"
        graph.add_node(name, **_attributes(node))
        graph.add_edge(above or "root", name)
    return graph


def _attributes(node: Node) -> dict[str, Any]:
    assert node.step is not None
    text = _NOT_XML.sub("\ufffd", node.step.text)
    attributes: dict[str, Any] = {"text": text, "end": str(node.step.end), "born": node.birth is not None}
    if node.score is not None:
        attributes["score"] = node.score
    attributes |= {name: value for name in ("action", "writer") if (value := getattr(node.step, name))}
    if node.has_stats:
        kept = {name: value for name, value in node.stats.items() if isinstance(value, (int, float, str))}
        attributes |= {f"stats.{name}": value for name, value in kept.items()}
    return attributes
