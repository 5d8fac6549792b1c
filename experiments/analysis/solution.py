"""What one search came to: its answer, the solution behind it, and how far the scorer that chose it trusts it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from search.answers.selection import Ballot, Selection
from search.tree import Node, Tree
from search.tree.cost import Ledger
from search.tree.marks import last_mark
from search.tree.scores import Kind

TRUSTED = 0.1
"""A scorer whose scores are probabilities trusts no solution where it gives none of them as much as this."""


class ScoredStep(NamedTuple):
    """A step of a solution; `score` is None where the scorer gives none, as for a thought."""

    text: str
    score: float | None
    thought: bool
    tokens: int


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """The result of a search, read off its tree by a selection."""

    tree: Tree
    selection: Selection
    ballot: Ballot

    @classmethod
    def of(cls, tree: Tree, selection: Selection) -> "Solution":
        """Raises as the selection does."""
        return cls(tree, selection, selection(tree))

    @property
    def answer(self) -> str | None:
        """None where no solution finished with one."""
        return self.ballot.answer

    @property
    def cost(self) -> Ledger:
        """What the search spent."""
        return self.tree.ledger

    @property
    def votes(self) -> dict[str, float]:
        """The weight of each answer, heaviest first."""
        return {vote.answer: vote.weight for vote in self.ballot.votes}

    @property
    def path(self) -> Sequence[Node]:
        """The nodes of the solution that stands for the answer; empty without an answer."""
        return best_path(self.ballot, self.selection.by)

    @property
    def steps(self) -> list[ScoredStep]:
        """The steps of that solution, in order."""
        nodes = [(node, node.step) for node in self.path if node.step is not None]
        return [ScoredStep(step.text, node.score, step.thought, len(step.token_ids)) for node, step in nodes]

    @property
    def solution(self) -> str:
        """The text of that solution without its thought; empty without an answer."""
        return "".join(step.text for step in self.steps if not step.thought).strip()

    @property
    def scores(self) -> list[float | None]:
        """A score for each step of that solution."""
        return [step.score for step in self.steps]

    @property
    def trust(self) -> float | None:
        """The scores of that solution by the scorer that chose it, reduced to one; None without an answer."""
        return self.selection.value(self.tree, self.path[-1]) if self.path else None

    @property
    def trusted(self) -> bool:
        """Whether the scorer trusts any finished solution; true where its scores are no probabilities."""
        if not self.path or self.selection.kind(self.tree) not in (Kind.CORRECTNESS, Kind.VALUE):
            return True
        return self.best >= TRUSTED

    @property
    def best(self) -> float:
        """The highest trust in a solution that votes."""
        leaves = [leaf for vote in self.ballot.votes for leaf in vote.leaves]
        return max((self.selection.value(self.tree, leaf) or 0.0 for leaf in leaves), default=0.0)


def best_path(ballot: Ballot | None, by: str | None = None) -> list[Node]:
    """The nodes of the winning answer's leaf of highest last score by the scorer that chooses (`Selection.by`)."""
    if ballot is None or not ballot.votes:
        return []
    score = (lambda leaf: leaf.score) if by is None else partial(last_mark, name=by)
    return max(ballot.votes[0].leaves, key=lambda leaf: score(leaf) or 0.0).line()
