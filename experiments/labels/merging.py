"""The labelled solutions of each question, equal ones of different searches and problems as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from experiments.errors import RunError
from experiments.labels.labels import SEARCH, Labelled, Labels
from experiments.labels.questions import normalised


@dataclass(frozen=True)
class Question:
    """A question, its gold answer, the first of the problems that ask it, and its solutions, each once."""

    problem: str
    text: str
    gold: str
    method: str
    solutions: tuple[Labelled, ...]


def merged(labels: Iterable[Labels]) -> list[Question]:
    """The questions with their solutions. Raises RunError where labels or gold answers contradict each other."""
    questions: dict[str, Question] = {}
    for each in labels:
        new = Question(each.problem, each.question, each.gold, each.method, ())
        before = questions.setdefault(normalised(each.question), new)
        if before.gold != each.gold:
            raise RunError(
                f"problems {before.problem} and {each.problem} ask the same question and have the gold answers "
                f"{before.gold!r} and {each.gold!r}; mend the problem set, and label the run again"
            )
        solutions = _together([*before.solutions, *each.solutions], each.problem)
        questions[normalised(each.question)] = replace(before, solutions=solutions)
    return [question for question in questions.values() if question.solutions]


def _together(solutions: Sequence[Labelled], problem: str) -> tuple[Labelled, ...]:
    by_steps: dict[tuple[str, ...], Labelled] = {}
    for solution in solutions:
        before = by_steps.get(solution.steps)
        by_steps[solution.steps] = solution if before is None else _sum(before, solution, problem)
    return tuple(by_steps.values())


def _sum(one: Labelled, other: Labelled, problem: str) -> Labelled:
    """Two labellings of the same steps: rollouts of the same kind add up, samples win over what a searcher chose."""
    if one.estimator != other.estimator:
        return other if one.estimator == SEARCH else one
    rollouts = tuple(map(sum, zip(one.rollouts, other.rollouts, strict=True)))
    right = tuple(map(sum, zip(one.right, other.right, strict=True)))
    values, labels = list[float | None](), list[bool | None]()
    for place, (n, r) in enumerate(zip(rollouts, right, strict=True)):
        pair = [one.labels[place], other.labels[place]]
        if {True, False} <= set(pair) and not r:
            raise RunError(
                f"problem {problem}: step {place + 1} of a solution is labelled right and wrong, and no rollout "
                f"decides: {one.steps[place]!r:.60}; remove one of the two lines from the labels"
            )
        labels.append(True if True in pair else False if False in pair else None)
        known = [value for value in (one.values[place], other.values[place]) if value is not None]
        values.append(None if not known else r / n if n else sum(known) / len(known))
    return replace(one, labels=tuple(labels), values=tuple(values), rollouts=rollouts, right=right)
