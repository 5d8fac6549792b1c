"""The tree that a search grows: the one record that answers, votes, curves, drawings and training data are read off."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import compress
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

import networkx as nx

from search.tree.births import Births, Mask
from search.tree.checks import checked_fields, checked_text, finite, shortened, whole_number
from search.tree.cost import Budget, Ledger
from search.tree.event import Event
from search.tree.graph import graph_of
from search.tree.ledger_json import ledger_from_json
from search.tree.node import Node, Path
from search.tree.scores import Kind
from search.tree.tree_json import FORMAT, contents_from_json, contents_to_json

T = TypeVar("T")
DRAWS = 2
_FIELDS = ("format", "question", "seed", "kind", "budget", "ledger", "stopped", "root", "nodes", "record")
_BUDGET = tuple(limit.name for limit in fields(Budget))


@dataclass(eq=False, repr=False)
class Tree:
    """A question and all that a search made of it. `stopped` says why it ended: done, budget, cancelled or error."""

    question: str
    seed: int = 0
    kind: Kind = Kind.CORRECTNESS
    budget: Budget = field(default_factory=Budget)
    ledger: Ledger = field(default_factory=Ledger)
    record: list[Event] = field(default_factory=list[Event])
    stopped: str | None = None
    draws: int = DRAWS
    """how keys of random draws are made: 2, from the parent's key; 1, from question and path, as before format 2"""
    answers: object = None
    """how its answers are read, a `search.answers.answers.Answers`; None: the last box and Math-Verify; not saved"""

    def __post_init__(self) -> None:
        self.root = Node(self, None, 0, None)
        self._kept: dict[Callable[[Tree], Any], Any] = {}
        self._entries = 0  # of the record, when something was last kept

    def nodes(self) -> Iterator[Node]:
        """All nodes with a step, parents first, siblings by index."""
        stack = [self.root]
        while stack:
            node = stack.pop()
            if node is not self.root:
                yield node
            if children := node.children:
                stack.extend(children[i] for i in sorted(children, reverse=True))

    def __getitem__(self, path: Path) -> Node:
        return self.root.at(path)

    def born(self, budget: Budget | None = None) -> list[Node]:
        """The nodes of the tree as it stood at `budget` (its own where None), parents first.

        Those are the nodes judged within the budget, before any policy call that began after a limit was reached. A
        limit on samples needs the second: after n samples many steps may follow before the next sample.
        """
        nodes, births = self.kept(_nodes)
        return list(compress(nodes, self.within(births, budget).tolist()))

    def leaves(self, budget: Budget | None = None) -> list[Node]:
        """Finished and truncated nodes, lowest path first."""
        leaves, births = self.kept(_leaves)
        return list(compress(leaves, self.within(births, budget).tolist()))

    def events(self, name: str, budget: Budget | None = None) -> list[Event]:
        """The entries of this name that belong to the tree as it stood at `budget`, by the same rule as its nodes."""
        within = self.within(self.kept(_event_births), budget).tolist()
        return [event for event in compress(self.record, within) if event.name == name]

    def within(self, births: Births, budget: Budget | None = None) -> Mask:
        """[N]: which births belong to the tree as it stood at `budget`, by the rule of `born`."""
        limit = budget or self.budget
        return births.within(limit, self.kept(_nodes).births.last_call(limit))

    def kept(self, read: Callable[["Tree"], T]) -> T:
        """What `read` makes of the tree; kept until a node is born or the record changes."""
        if self._entries != len(self.record):
            self.changed()
        kept = self._kept
        if read not in kept:
            kept[read] = read(self)
        return kept[read]

    def changed(self) -> None:
        """A node was born or an entry of the record was changed: what was read off the tree before is forgotten."""
        if self._kept:
            self._kept = {}
        self._entries = len(self.record)

    def graph(self) -> "nx.DiGraph[str]":
        """Nodes are named by their path ("root", "0", "0.1"); attributes are numbers and texts that XML can hold."""
        return graph_of(self.question, self.seed, self.nodes())

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "question": self.question,
            "seed": self.seed,
            "kind": str(self.kind),
            "budget": dict(vars(self.budget)),
            "ledger": self.ledger.to_json(),
            "stopped": self.stopped,
            "draws": self.draws,
            **contents_to_json([self.root, *self.nodes()], self.record),
        }

    @classmethod
    def from_json(cls, data: Any) -> "Tree":
        """Reads formats 1 and 2. Raises ValueError, with the place, where `data` is not a tree."""
        if not isinstance(data, dict):
            raise ValueError(f"a tree is an object, not {shortened(data)}")
        found = cast(dict[str, Any], data).get("format")
        if type(found) is not int or not 1 <= found <= FORMAT:
            raise ValueError(f"a tree of format {shortened(found)}; this version reads formats 1 to {FORMAT}")
        data = checked_fields(data, "the tree", _FIELDS if found == 1 else (*_FIELDS, "ledgers", "draws"))
        if type(data["seed"]) is not int:
            raise ValueError(f"seed is {shortened(data['seed'])}; it must be an integer")
        limits = checked_fields(data["budget"], "budget", (), _BUDGET)
        limits = {name: None if most is None else finite(most, f"budget.{name}") for name, most in limits.items()}
        kind = Kind(checked_text(data["kind"], "kind"))
        tree = cls(checked_text(data["question"], "question"), data["seed"], kind, Budget(**limits))  # pyright: ignore[reportArgumentType]
        tree.ledger = ledger_from_json(data["ledger"], "ledger")
        tree.draws = 1 if found == 1 else whole_number(data["draws"], "draws")
        tree.stopped = None if data["stopped"] is None else checked_text(data["stopped"], "stopped")
        try:
            tree.record = contents_from_json(tree.root, data)
        except RecursionError:
            raise ValueError("a tree whose stats or record are nested too deeply") from None
        return tree

    def dumps(self) -> str:
        """JSON in ASCII: no text, not even half a surrogate pair, is lost on its way through a file."""
        return json.dumps(self.to_json(), allow_nan=False, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> "Tree":
        """Raises ValueError, with the place, where `text` is not a tree's file."""
        try:
            return cls.from_json(json.loads(text, parse_constant=_refuse))
        except RecursionError:
            raise ValueError("a tree whose JSON is nested too deeply") from None

    def __repr__(self) -> str:
        """One line, whatever the size of the tree."""
        return f"Tree({shortened(self.question)}, seed={self.seed}, kind={self.kind}, stopped={self.stopped})"


class _Born(NamedTuple):
    """Nodes and their births, [N] each; a list, for the garbage collector does not look into arrays of objects."""

    nodes: list[Node]
    births: Births


def _born(nodes: Iterable[Node]) -> _Born:
    born = [(node, birth) for node in nodes if (birth := node.birth) is not None]
    return _Born([node for node, _ in born], Births([birth for _, birth in born]))


def _nodes(tree: Tree) -> _Born:
    return _born(tree.nodes())


def _leaves(tree: Tree) -> _Born:
    return _born(node for node in tree.kept(_nodes).nodes if not node.open)


def _event_births(tree: Tree) -> Births:
    return Births([event.birth for event in tree.record])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"the JSON holds {constant}; all numbers must be finite")
