"""The tree that a search grows: the one record that answers, votes, curves, drawings and training data are read off."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn, cast

import networkx as nx

from search.tree.births import Births
from search.tree.checks import checked_fields, checked_text, finite, shortened, whole_number
from search.tree.cost import Budget, Ledger
from search.tree.event import Event
from search.tree.graph import graph_of
from search.tree.ledger_json import ledger_from_json
from search.tree.node import Node, Path
from search.tree.scores import Kind
from search.tree.tree_json import FORMAT, contents_from_json, contents_to_json

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
        self._births: Births | None = None

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
        return self._born().nodes(budget or self.budget)

    def leaves(self, budget: Budget | None = None) -> list[Node]:
        """Finished and truncated nodes, lowest path first."""
        return self._born().leaves(budget or self.budget)

    def events(self, name: str, budget: Budget | None = None) -> list[Event]:
        """The entries of this name that belong to the tree as it stood at `budget`, by the same rule as its nodes."""
        limit = budget or self.budget
        last = self._born().last_call(limit)
        return [
            event
            for event in self.record
            if event.name == name and event.birth.policy_calls <= last and limit.covers(event.birth)
        ]

    def births_changed(self) -> None:
        """A node's birth was set: what was read off the tree before is forgotten."""
        self._births = None

    def _born(self) -> Births:
        if self._births is None:
            self._births = Births(self.nodes())
        return self._births

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


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"the JSON holds {constant}; all numbers must be finite")
