"""The tree that a search grows: the one record that answers, votes, curves, drawings and training data are read off."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

from search.tree.cost import Budget, Ledger
from search.tree.scores import Array, Kind, Reduction, reduce
from search.tree.step import End, Step

Path = tuple[int, ...]
FORMAT = 1
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Node:
    """One step in the tree; the root has none and depth zero.

    `path` (child indices from the root) is its identity. `score` is set once. `birth` is the ledger when the node was
    judged, None until then: only born nodes belong to the tree. `stats` is what an algorithm keeps, plain JSON.
    """

    __slots__ = (
        "_reserved",
        "birth",
        "charged",
        "children",
        "depth",
        "index",
        "parent",
        "score",
        "stats",
        "step",
        "tree",
    )

    def __init__(self, tree: "Tree", parent: "Node | None", index: int, step: Step | None) -> None:
        self.tree, self.parent, self.index, self.step = tree, parent, index, step
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: dict[int, Node] = {}
        self.score: float | None = None
        self.birth: Ledger | None = None
        self.charged: Ledger | None = None  # between writing and judging: the ledger when its request was charged
        self.stats: dict[str, Any] = {}
        self._reserved = 0

    @property
    def path(self) -> Path:
        return tuple(node.index for node in self.line())

    def line(self) -> list["Node"]:
        """The nodes from the root's child to this one, [depth]."""
        nodes: list[Node] = []
        node = self
        while node.parent is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    def steps(self) -> list[Step]:
        return [node.step for node in self.line() if node.step is not None]

    def text(self) -> str:
        return "".join(step.text for step in self.steps())

    def token_ids(self) -> list[int]:
        """The solution's tokens so far, without the question's."""
        return [token for step in self.steps() for token in step.token_ids]

    @property
    def finished(self) -> bool:
        return self.step is not None and self.step.finished

    @property
    def truncated(self) -> bool:
        return self.step is not None and self.step.truncated

    @property
    def open(self) -> bool:
        """May be extended."""
        return not (self.finished or self.truncated)

    def among_siblings(self, convert: Callable[[Array], Array]) -> float:
        """Its score converted among those of all judged siblings, finished ones too."""
        children = self.parent.children.values() if self.parent else ()
        judged = [child for child in children if child.score is not None]
        return float(convert(np.array([child.score for child in judged], dtype=np.float64))[judged.index(self)])

    def value(self, reduction: Reduction) -> float | None:
        """The scores of its path reduced to one number; None for the root and where a score is missing."""
        scores = [node.score for node in self.line()]
        if reduction is Reduction.LAST:
            return scores[-1] if scores else None
        known = [score for score in scores if score is not None]
        return reduce(known, reduction) if known and len(known) == len(scores) else None

    def reserve(self, n: int) -> range:
        """Takes the next n child indices, so that concurrent requests at one node never meet."""
        first, self._reserved = self._reserved, self._reserved + n
        return range(first, self._reserved)

    def add(self, index: int, step: Step) -> "Node":
        """The child at a reserved index. Raises ValueError where the index is not reserved or is taken."""
        if index >= self._reserved or index in self.children:
            raise ValueError(f"child {index} of node {self.path} is not reserved, or exists")
        child = self.children[index] = Node(self.tree, self, index, step)
        return child

    def __repr__(self) -> str:
        return f"Node({'.'.join(map(str, self.path)) or 'root'}, score={self.score})"


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
        node = self.root
        for index in path:
            node = node.children[index]
        return node

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
        """Whether a birth exceeds no limit, and came of no policy call that followed the reaching of one.

        The second matters for samples: a search may go on from n samples for many steps before the next one.
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
            graph.add_node(_name(node), **attributes, **score, **stats)
            graph.add_edge(_name(node.parent), _name(node))
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
            "nodes": [_node_to_json(node) for node in self.nodes()],
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
            _node_from_json(tree, entry)
        tree.record = [Event(e["name"], Ledger(**e["birth"]), e["data"]) for e in data["record"]]
        return tree

    def dumps(self) -> str:
        """JSON in ASCII: no text, not even half a surrogate pair, is lost on its way through a file."""
        return json.dumps(self.to_json(), allow_nan=False)

    @classmethod
    def loads(cls, text: str) -> "Tree":
        return cls.from_json(json.loads(text))


def _name(node: Node) -> str:
    return ".".join(map(str, node.path)) or "root"


def _node_to_json(node: Node) -> dict[str, Any]:
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


def _node_from_json(tree: Tree, entry: dict[str, Any]) -> None:
    *above, index = entry["path"]
    entropy = None if entry["entropy"] is None else tuple(entry["entropy"])
    step = Step(entry["text"], tuple(entry["token_ids"]), tuple(entry["logprobs"]), End(entry["end"]), entropy)
    node = tree[tuple(above)].add(index, step)
    node.reserve(entry["reserved"])
    node.score, node.stats = entry["score"], entry["stats"]
    node.birth = None if entry["birth"] is None else Ledger(**entry["birth"])
