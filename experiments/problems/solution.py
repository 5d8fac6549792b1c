"""A saved solution, its labels and scores, and the steps and the tree that a search would have made of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from experiments.problems.json_lines import ProblemError
from search.tree import Tree
from search.tree.cost import Ledger
from search.tree.scores import Kind
from search.tree.step import End, Step

DELIMITER = "\n\n"


@dataclass(frozen=True)
class Solution:
    """A saved solution of S steps.

    `right` has a label per step, [S], None where unknown, as is `answer_right`. `scores` are stored ones, [S];
    `logprobs` has a list of token log-probabilities per step, [S]; `tokens` counts all tokens of the solution; `level`
    is the question's difficulty. `scores` of an outcome scorer are one number. `problem` is the problem's own id.
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
    problem: str | None = None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What tells its problem from others: the id or, without one, question and gold answer together."""
        return (self.question, self.answer) if self.problem is None else (self.problem,)

    def record(self) -> dict[str, Any]:
        """All but the problem's id, for fingerprints, which are those of runs from before it."""
        return {name: value for name, value in asdict(self).items() if name != "problem"}


class LabelledSet(Protocol):
    def load(self) -> list[Solution]:
        """At least one solution, ids distinct, in the set's own order. Raises ProblemError."""
        ...


def as_steps(solution: Solution) -> list[Step]:
    """The steps as a policy would have written them, each but the last with its delimiter; token ids are unknown, 0."""
    steps = []
    for place, text in enumerate(solution.steps):
        last = place == len(solution.steps) - 1
        logprobs = solution.logprobs[place] if solution.logprobs else ()
        text = text if last or text.endswith(DELIMITER) else text + DELIMITER
        steps.append(Step(text, (0,) * len(logprobs), tuple(logprobs), End.EOS if last else End.DELIMITER))
    return steps


def as_tree(
    solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], kind: Kind = Kind.CORRECTNESS
) -> Tree:
    """The tree that Best-of-N would have grown, one chain per solution; an outcome's one score is the last step's."""
    tree = Tree(solutions[0].question, kind=kind)
    for solution in solutions:
        node, values = tree.root, scores[solution.id]
        missing = len(solution.steps) - len(values)
        for place, step in enumerate(as_steps(solution)):
            node = node.add(node.reserve(1).start, step)
            node.score = values[place - missing] if place >= missing else None
            node.birth = Ledger()
    return tree


def check_ids(solutions: list[Solution]) -> list[Solution]:
    """The solutions. Raises ProblemError if there is none, or if two have one id: scores are stored by id."""
    if not solutions:
        raise ProblemError("data.path: the file holds no solution")
    check_distinct((solution.id for solution in solutions), "solutions")
    return solutions


def check_distinct(names: Iterable[str], plural: str) -> None:
    """Raises ProblemError if a name is repeated; `plural` says what the names are of."""
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise ProblemError(f"data.path: {count} {plural} are called {name}; give each a unique id")


def by_problem(solutions: Iterable[Solution]) -> list[list[Solution]]:
    """The solutions of each problem, in order. Raises ProblemError if one problem has two questions or gold answers."""
    groups: dict[tuple[str | None, ...], list[Solution]] = {}
    for solution in solutions:
        same = groups.setdefault(solution.identity, [])
        same.append(solution)
        if (solution.question, solution.answer) != (same[0].question, same[0].answer):
            raise ProblemError(
                f"data.path: problem {solution.problem} has two questions or gold answers (solutions {same[0].id} and "
                f"{solution.id}); give each problem an id of its own"
            )
    return list(groups.values())
