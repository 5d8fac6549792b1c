"""Best-of-N over saved solutions: the accuracy of each selection rule."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.differences import gain
from experiments.analysis.uncertainty import Interval, accuracy_interval
from experiments.problems.solution import Solution, as_tree, by_problem
from experiments.runs.grading import correctness
from experiments.runs.results import ORACLE
from search.answers.answers import DEFAULT
from search.answers.answers import Answers as Reading
from search.answers.selection import Rule, Selection, allowed_rules, oracle
from search.tree import Tree
from search.tree.scores import Kind, Reduction

ONE = "one sample"


class Accuracy(NamedTuple):
    """A rule's mean correctness and its gain over one sample, each with its 95 % interval over questions."""

    mean: float
    interval: Interval
    gain: float
    gain_interval: Interval


class Answers(NamedTuple):
    """Best-of-N over the questions that have several solutions."""

    n: float  # solutions a question, on average
    reduction: Reduction  # from a solution's scores to its vote
    correct: dict[str, np.ndarray]  # by rule, [P]
    accuracy: dict[str, Accuracy]  # by rule


def answers(
    solutions: Sequence[Solution],
    scores: Mapping[str, Sequence[float]],
    kind: Kind,
    reduction: Reduction,
    reading: Reading = DEFAULT,
) -> Answers | None:
    """`reading` is how answers are read and compared. None where no problem has several solutions of known
    correctness.
    """
    known = [one for one in solutions if one.answer is not None or one.answer_right is not None]
    several = [same for same in by_problem(known) if len(same) > 1]
    if not several:
        return None
    votes = several[0][0].answer is not None or all(_answer(s, reading) is not None for same in several for s in same)
    rows: list[dict[str, float]] = []
    for same in several:
        tree = as_tree(same, scores, kind)
        tree.answers = reading
        rows.append((_by_rule if votes else _by_label)(tree, same, reduction, reading))
    correct = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    accuracy = {name: _accuracy(row, correct[ONE]) for name, row in correct.items()}
    return Answers(float(np.mean([len(same) for same in several])), reduction, correct, accuracy)


def _accuracy(row: np.ndarray, one: np.ndarray) -> Accuracy:
    over = gain(row, one)
    return Accuracy(float(row.mean()), accuracy_interval(row), over.mean, over.interval)


def _by_rule(tree: Tree, solutions: Sequence[Solution], reduction: Reduction, reading: Reading) -> dict[str, float]:
    """One question: correctness of one sample, of each rule's answer (the mean where answers tie) and of the oracle."""
    right = _grader(solutions, reading)
    by_rule = {rule.value: correctness(Selection(rule, reduction)(tree), right) for rule in allowed_rules(tree)}
    return {
        ONE: float(np.mean([is_right(s, reading) for s in solutions])),
        **by_rule,
        ORACLE: float(oracle(tree, right)),
    }


def _by_label(tree: Tree, solutions: Sequence[Solution], reduction: Reduction, reading: Reading) -> dict[str, float]:
    """One question with labelled solutions, some without an answer: rules choose a solution instead of an answer."""
    alone = [float(is_right(solution, reading)) for solution in solutions]
    values = [leaf.value(reduction) or 0.0 for leaf in tree.leaves()]
    best = [right for right, value in zip(alone, values, strict=True) if value == max(values)]
    return {ONE: float(np.mean(alone)), Rule.BEST.value: float(np.mean(best)), ORACLE: max(alone)}


def _grader(solutions: Sequence[Solution], reading: Reading) -> Callable[[str], bool]:
    """Decides whether an answer is right: by the gold answer, or by the solutions' labels where there is no gold."""
    gold = solutions[0].answer
    if gold is not None:
        return lambda answer: reading.right(answer, gold)
    labels = {_answer(s, reading): bool(s.answer_right) for s in solutions}
    return lambda answer: labels.get(answer, False)


def _answer(solution: Solution, reading: Reading) -> str | None:
    return reading.of("\n\n".join(solution.steps))


def is_right(solution: Solution, reading: Reading = DEFAULT) -> bool:
    """Judged by the label or, where there is none, by the answer. A solution without an answer is wrong."""
    if solution.answer_right is not None:
        return solution.answer_right
    answer = _answer(solution, reading)
    return answer is not None and reading.right(answer, solution.answer)
