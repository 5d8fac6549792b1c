"""Best-of-N over saved solutions: what each rule of selection makes of the scores."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.analysis.uncertainty import interval
from experiments.problems.solution import Solution, as_tree
from search.answers.boxes import boxed
from search.answers.equivalence import equivalent
from search.answers.selection import Selection, allowed_rules, oracle
from search.tree import Tree
from search.tree.scores import Kind, Reduction


class Answers(NamedTuple):
    """Best-of-N over the questions that have several solutions: correctness by rule, [P] each."""

    n: float  # solutions a question, on average
    reduction: Reduction  # from a solution's scores to its vote
    correct: dict[str, np.ndarray]


# answers


def answers(
    solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], kind: Kind, reduction: Reduction
) -> Answers | None:
    """None where no question has several solutions of known correctness."""
    by_question: dict[str, list[Solution]] = {}
    for solution in solutions:
        if solution.answer is not None or solution.answer_right is not None:
            by_question.setdefault(solution.question, []).append(solution)
    several = [of for of in by_question.values() if len(of) > 1]
    if not several:
        return None
    votes = several[0][0].answer is not None or all(_answer(solution) is not None for of in several for solution in of)
    rows = [(_by_rule if votes else _by_label)(as_tree(of, scores, kind), of, reduction) for of in several]
    correct = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Answers(float(np.mean([len(of) for of in several])), reduction, correct)


def _by_rule(tree: Tree, solutions: Sequence[Solution], reduction: Reduction) -> dict[str, float]:
    """One question: correctness of one sample, of each rule's answer (the mean where answers tie) and of the oracle."""
    right = _grader(solutions)
    alone = [float(_is_right(solution)) for solution in solutions]
    found = {"one sample": float(np.mean(alone))}
    for rule in allowed_rules(tree):
        tied = Selection(rule, reduction)(tree).tied
        found[rule.value] = float(np.mean([right(answer) for answer in tied])) if tied else 0.0
    return {**found, "oracle": float(oracle(tree, right))}


def _by_label(tree: Tree, solutions: Sequence[Solution], reduction: Reduction) -> dict[str, float]:
    """One question whose solutions are labelled, but not all have an answer to vote with: a solution is chosen."""
    alone = [float(_is_right(solution)) for solution in solutions]
    values = [leaf.value(reduction) or 0.0 for leaf in tree.leaves()]
    best = [right for right, value in zip(alone, values, strict=True) if value == max(values)]
    return {"one sample": float(np.mean(alone)), "best": float(np.mean(best)), "oracle": max(alone)}


def _grader(solutions: Sequence[Solution]) -> Callable[[str], bool]:
    """Whether an answer is right: by the gold answer, or as its solution is labelled."""
    gold = solutions[0].answer
    if gold is not None:
        return lambda answer: equivalent(answer, gold)
    labels = {boxed("".join(s.steps)): bool(s.answer_right) for s in solutions}
    return lambda answer: labels.get(answer, False)


def _answer(solution: Solution) -> str | None:
    return boxed("\n\n".join(solution.steps))


def _is_right(solution: Solution) -> bool:
    if solution.answer_right is not None:
        return solution.answer_right
    found = _answer(solution)
    return found is not None and solution.answer is not None and equivalent(found, solution.answer)


def accuracy(row: np.ndarray, one: np.ndarray) -> dict[str, Any]:
    gain = row - one
    return {
        "mean": float(row.mean()),
        "interval": list(interval(list(row))),
        "gain": float(gain.mean()),
        "gain_interval": list(interval(list(gain))),
    }
