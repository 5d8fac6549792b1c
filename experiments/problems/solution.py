"""A saved solution and what is known of it; as the steps and the tree that a search would have made of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from experiments.problems.json_lines import ProblemError
from search.tree import Tree
from search.tree.cost import Ledger
from search.tree.scores import Kind
from search.tree.step import End, Step


@dataclass(frozen=True)
class Solution:
    """A solution and what is known of it.

    `right` has a label a step: None where there is none. `answer_right` is None where it is not known. `scores` are
    those that some scorer gave it before, `logprobs` those of its tokens, a list a step; `tokens` is how many it has,
    `level` the question's difficulty.
    """

    id: str
    group: str
    question: str
    steps: tuple[str, ...]
    right: tuple[bool | None, ...]
    answer: str | None = None
    answer_right: bool | None = None
    scores: tuple[float, ...] | None = None
    logprobs: tuple[tuple[float, ...], ...] | None = None
    level: str | int | None = None
    tokens: int | None = None


class LabelledSet(Protocol):
    def load(self) -> list[Solution]:
        """At least one solution, ids distinct, in the set's own order. Raises ProblemError."""
        ...


def as_tree(
    solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], kind: Kind = Kind.CORRECTNESS
) -> Tree:
    """The tree that Best-of-N would have grown, a chain a solution; an outcome's one score is the last step's."""
    tree = Tree(solutions[0].question, kind=kind)
    for solution in solutions:
        node, given = tree.root, scores[solution.id]
        missing = len(solution.steps) - len(given)
        for place, text in enumerate(solution.steps):
            last = place == len(solution.steps) - 1
            step = Step(text if last else text + "\n\n", end=End.EOS if last else End.DELIMITER)
            node = node.add(node.reserve(1).start, step)
            node.score = given[place - missing] if place >= missing else None
            node.birth = Ledger()
    return tree


def check_ids(solutions: Sequence[Solution]) -> None:
    """Raises ProblemError where there is no solution, or two have one id: their scores could not be told apart."""
    if not solutions:
        raise ProblemError("data.path: the file holds no solution")
    counts = Counter(solution.id for solution in solutions)
    name, count = counts.most_common(1)[0]
    if count > 1:
        raise ProblemError(f"data.path: {count} solutions are called {name}; give each an id of its own")


def as_steps(solution: Solution) -> list[Step]:
    """Steps as a policy would have written them; without tokens, for no policy did."""
    found = []
    for place, text in enumerate(solution.steps):
        last = place == len(solution.steps) - 1
        logprobs = solution.logprobs[place] if solution.logprobs else ()
        text = text if last or text.endswith("\n\n") else text + "\n\n"
        found.append(Step(text, (0,) * len(logprobs), tuple(logprobs), End.EOS if last else End.DELIMITER))
    return found
