"""A node: one step in a tree, with its score and what an algorithm keeps there."""

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from search.tree.cost import Ledger
from search.tree.scores import Array, Kind, Reduction, reduce
from search.tree.step import Step

Path = tuple[int, ...]
_NO_CHILDREN: Mapping[int, "Node"] = MappingProxyType({})


class Owner(Protocol):
    """What a node knows of its tree."""

    question: str
    seed: int
    kind: Kind
    root: "Node"

    def changed(self) -> None:
        """A node's birth was set."""


class Node:
    """One step in the tree; the root has none and depth zero.

    `path` (child indices from the root) is its identity. `score` is set once. `birth` is the search's ledger at the
    moment the node was judged, None before: only born nodes belong to the tree. `stats` is what an algorithm keeps per
    node, as plain JSON. `sources` are the paths of other nodes whose text stood in the prompt that it was written from.
    `thoughts` says how many steps of its path are a thought's; they have no score where the scorer does not read them.
    """

    __slots__ = (
        "_birth", "_children", "_reserved", "_stats", "charged", "depth", "index", "parent", "score", "sources", "step",
        "thoughts", "tree",
    )  # fmt: skip

    def __init__(self, tree: Owner, parent: "Node | None", index: int, step: Step | None) -> None:
        self.tree, self.parent, self.index, self.step = tree, parent, index, step
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.thoughts: int = 0 if parent is None or step is None else parent.thoughts + step.thought
        self.score: float | None = None
        self.sources: tuple[Path, ...] = ()
        self.charged: Ledger | None = None  # between writing and judging: the ledger when its request was charged
        self._birth: Ledger | None = None
        self._children: dict[int, Node] | None = None  # most nodes of large trees need no dictionary of their own
        self._stats: dict[str, Any] | None = None
        self._reserved = 0

    @property
    def birth(self) -> Ledger | None:
        return self._birth

    @birth.setter
    def birth(self, ledger: Ledger | None) -> None:
        self._birth = ledger
        self.tree.changed()

    @property
    def children(self) -> Mapping[int, "Node"]:
        """By index; `add` writes them."""
        return _NO_CHILDREN if self._children is None else self._children

    @property
    def stats(self) -> dict[str, Any]:
        if self._stats is None:
            self._stats = {}
        return self._stats

    @stats.setter
    def stats(self, stats: dict[str, Any]) -> None:
        self._stats = stats

    @property
    def has_stats(self) -> bool:
        """Whether an algorithm keeps something here; the question makes no dictionary, as reading `stats` does."""
        return bool(self._stats)

    @property
    def path(self) -> Path:
        return tuple(node.index for node in self.line())

    @property
    def name(self) -> str:
        """The path in words: "0.1", or "root"."""
        return ".".join(map(str, self.path)) or "root"

    def line(self, known: Container["Node"] = ()) -> list["Node"]:
        """The nodes from the root's child to this one, [depth]; of them those below the lowest of `known`."""
        nodes: list[Node] = []
        node = self
        while node.parent is not None and node not in known:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    def steps(self) -> list[Step]:
        return [node.step for node in self.line() if node.step is not None]

    def text(self) -> str:
        """What the path says, its thought left out."""
        return "".join(step.text for step in self.steps() if not step.thought)

    def thought(self) -> str:
        """What was thought on the path."""
        return "".join(step.text for step in self.steps() if step.thought)

    def token_ids(self) -> list[int]:
        """The solution's tokens so far, without the question's and the end tokens of steps before the last."""
        if self.step is None:
            return []
        before = [token for step in self.steps()[:-1] for token in step.inner_token_ids]
        return [*before, *self.step.token_ids]

    @property
    def finished(self) -> bool:
        return self.step is not None and self.step.finished

    @property
    def truncated(self) -> bool:
        return self.step is not None and self.step.truncated

    @property
    def unjudged_thought(self) -> bool:
        return self.score is None and self.step is not None and self.step.thought

    @property
    def open(self) -> bool:
        """May be extended."""
        return not (self.finished or self.truncated)

    def among_siblings(self, convert: Callable[[Array], Array]) -> float:
        """Its score, converted together with those of all judged siblings, finished ones included."""
        children = self.parent.children.values() if self.parent else ()
        judged = [child for child in children if child.score is not None]
        if self.score is None:
            return float(convert(np.zeros(1))[0])
        return float(convert(np.array([child.score for child in judged], dtype=np.float64))[judged.index(self)])

    def value(self, reduction: Reduction) -> float | None:
        """The scores of its path reduced to one number; None for the root and where a score is missing.

        Those of a thought that nobody judged are not missing: it is left out.
        """
        scores = [node.score for node in self.line() if not node.unjudged_thought]
        if reduction is Reduction.LAST:
            return scores[-1] if scores else None
        known = [score for score in scores if score is not None]
        return reduce(known, reduction) if known and len(known) == len(scores) else None

    def at(self, path: Path) -> "Node":
        """The descendant at `path` from here. Raises KeyError where there is none."""
        node = self
        for index in path:
            node = node.children[index]
        return node

    def has(self, path: Path) -> bool:
        """Whether there is a descendant at `path` from here."""
        node: Node | None = self
        for index in path:
            node = node.children.get(index)
            if node is None:
                return False
        return True

    def reserve(self, n: int) -> range:
        """Takes the next n child indices: no two requests at one node get the same one."""
        first, self._reserved = self._reserved, self._reserved + n
        return range(first, self._reserved)

    def add(self, index: int, step: Step) -> "Node":
        """The child at a reserved index. Raises ValueError where the index is not reserved or is taken."""
        if index >= self._reserved or index in self.children:
            raise ValueError(f"child {index} of node {self.path} is not reserved, or exists")
        if self._children is None:
            self._children = {}
        child = self._children[index] = Node(self.tree, self, index, step)
        return child

    def __repr__(self) -> str:
        return f"Node({self.name}, score={self.score})"
