"""The tree that a search grows: the one record that answers, votes, curves, drawings and training data are read off."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import networkx as nx

from search.tree.cost import Budget, Ledger
from search.tree.node import Node, Path
from search.tree.node_json import add_node_from_json, node_to_json
from search.tree.scores import Kind

FORMAT = 1
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Event(NamedTuple):
    """One entry of an algorithm's own history; `data` is plain JSON and names nodes by their paths."""

    name: str
    birth: Ledger
    data: dict[str, Any]


@dataclass(eq=False)
class Tree:
    """A question and all that a search made of it. `stopped` says why it ended: done, budget, cancelled or error."""

    question: str
    seed: int = 0
    kind: Kind = Kind.CORRECTNESS
    budget: Budget = field(default_factory=Budget)
    ledger: Ledger = field(default_factory=Ledger)
    record: list[Event] = field(default_factory=list[Event])
    stopped: str | None = None

    def __post_init__(self) -> None:
        self.root = Node(self, None, 0, None)

    def nodes(self) -> Iterator[Node]:
        """All nodes with a step, parents first, siblings by index."""
        stack = [self.root]
        while stack:
            node = stack.pop()
            if node is not self.root:
                yield node
            stack.extend(node.children[i] for i in sorted(node.children, reverse=True))

    def __getitem__(self, path: Path) -> Node:
        return self.root.at(path)

    def born(self, budget: Budget | None = None) -> list[Node]:
        """The nodes of the tree as it stood at `budget` (its own where None), parents first."""
        within = self._within(budget)
        return [node for node in self.nodes() if node.birth is not None and within(node.birth)]

    def leaves(self, budget: Budget | None = None) -> list[Node]:
        """Finished and truncated nodes, lowest path first."""
        return [node for node in self.born(budget) if not node.open]

    def events(self, name: str, budget: Budget | None = None) -> list[Event]:
        within = self._within(budget)
        return [event for event in self.record if event.name == name and within(event.birth)]

    def _within(self, budget: Budget | None) -> Callable[[Ledger], bool]:
        """True for the birth of a node judged within the budget, before any policy call that began after a limit was
        reached. A limit on samples needs the second: after n samples many steps may follow before the next sample.
        """
        limit = budget or self.budget
        births = [node.birth for node in self.nodes() if node.birth is not None]
        last = min((birth.policy_calls for birth in births if limit.spent(birth)), default=math.inf)
        return lambda birth: birth.policy_calls <= last and limit.covers(birth)

    def graph(self) -> "nx.DiGraph[str]":
        """Nodes are named by their path ("root", "0", "0.1"); attributes are numbers and texts that XML can hold."""
        question = _NOT_XML.sub("\ufffd", self.question)
        graph: nx.DiGraph[str] = nx.DiGraph(question=question, seed=self.seed)
        graph.add_node("root", text=question)
        for node in self.nodes():
            assert node.step is not None and node.parent is not None
            text = _NOT_XML.sub("\ufffd", node.step.text)
            attributes = {"text": text, "end": str(node.step.end), "born": node.birth is not None}
            score = {} if node.score is None else {"score": node.score}
            stats = {k: v for k, v in node.stats.items() if isinstance(v, (int, float, str))}
            graph.add_node(node.name, **attributes, **score, **stats)
            graph.add_edge(node.parent.name, node.name)
        return graph

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "question": self.question,
            "seed": self.seed,
            "kind": str(self.kind),
            "budget": dict(vars(self.budget)),
            "ledger": self.ledger.to_json(),
            "stopped": self.stopped,
            "root": {"reserved": self.root.reserve(0).start, "stats": self.root.stats},
            "nodes": [node_to_json(node) for node in self.nodes()],
            "record": [{"name": e.name, "birth": e.birth.to_json(), "data": e.data} for e in self.record],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tree":
        """Raises ValueError where `data` is not a tree of this format."""
        if data.get("format") != FORMAT:
            raise ValueError(f"a tree of format {data.get('format')!r}; this version reads format {FORMAT}")
        tree = cls(data["question"], data["seed"], Kind(data["kind"]), Budget(**data["budget"]))
        tree.ledger, tree.stopped = Ledger(**data["ledger"]), data["stopped"]
        tree.root.reserve(data["root"]["reserved"])
        tree.root.stats = data["root"]["stats"]
        for entry in data["nodes"]:
            add_node_from_json(tree.root, entry)
        tree.record = [Event(e["name"], Ledger(**e["birth"]), e["data"]) for e in data["record"]]
        return tree

    def dumps(self) -> str:
        """JSON in ASCII: no text, not even half a surrogate pair, is lost on its way through a file."""
        return json.dumps(self.to_json(), allow_nan=False)

    @classmethod
    def loads(cls, text: str) -> "Tree":
        return cls.from_json(json.loads(text))
