"""The figures of `stepsearch judge`: what a scorer's numbers on saved solutions say of the scorer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.bootstrap import Interval, interval, interval_of
from experiments.labelled import Solution
from experiments.step_metrics import (
    F1,
    Bin,
    Judged,
    auc,
    best_threshold,
    calibration,
    calibration_error,
    every_step,
    first_errors,
    prm_score,
    up_to_first_error,
)
from search.answers import boxed
from search.cost import Ledger
from search.equivalence import equivalent
from search.scores import Kind, Reduction, reduction_for
from search.selection import Selection, allowed_rules, oracle
from search.step import End, Step
from search.tree import Tree

HALF = 0.5
PLACES = 10  # bins of the place of the lowest score


class Threshold(NamedTuple):
    """A step below `value` counts as wrong; `source` says where the value is from."""

    value: float
    source: str


# PRMBench (arXiv 2501.03124, section 3): its three dimensions and their categories, as the files name them.
DIMENSIONS = {
    "simplicity": {"redundency", "circular"},
    "soundness": {"counterfactual", "step_contradiction", "domain_inconsistency", "confidence"},
    "sensitivity": {"missing_condition", "deception", "multi_solutions"},
}


class Group(NamedTuple):
    """A subset or category: `wrong` of its solutions have a wrong step."""

    name: str
    solutions: int
    wrong: int
    f1: F1
    auc: float
    prm_score: float
    f1_interval: Interval


class Answers(NamedTuple):
    """Best-of-N over the questions that have several solutions: correctness by rule, [P] each."""

    n: float  # solutions a question, on average
    reduction: Reduction  # from a solution's scores to its vote
    correct: dict[str, np.ndarray]


class Biases(NamedTuple):
    """Of Best-of-N with a PRM ("The Lessons of Developing Process Reward Models", arXiv 2501.07301, section 4).

    `right_but_doubted`: share of the solutions with a right answer that have a step scored wrong. `tolerated`: share of
    the solutions with a right answer and a wrong step in which no step is scored wrong. `lowest_is_last`: share of
    solutions whose lowest score is the last step's; `lowest` is the histogram of its place, from first step to last.
    Equal scores share. NaN where there is no such solution.
    """

    right_but_doubted: float
    tolerated: float
    lowest_is_last: float
    lowest: np.ndarray


@dataclass(frozen=True)
class Judgement:
    """All figures; what the data cannot tell is None or empty."""

    solutions: int
    errors: int
    threshold: Threshold
    groups: list[Group]
    pooled: Group | None  # all groups' solutions together; None where there is but one
    dimensions: dict[str, float]  # PRMBench's: the mean PRMScore of their categories
    average_f1: float | None  # None where a group has no F1
    curve: list[Bin]
    calibration_error: float | None
    answers: Answers | None
    biases: Biases


def judgement(
    solutions: Sequence[Solution],
    scores: Mapping[str, Sequence[float]],
    errors: int,
    kind: Kind,
    asked: Threshold | None,
    reduction: Reduction | None = None,
) -> Judgement:
    """`asked` None: the threshold is chosen on the first group. `reduction` None is the kind's own."""
    groups: dict[str, list[Solution]] = {}
    for solution in solutions:
        groups.setdefault(solution.group, []).append(solution)
    stepwise = kind is not Kind.OUTCOME
    judged = {name: [_judged(s, scores) for s in of if _has_labels(s)] for name, of in groups.items() if stepwise}
    judged = {name: of for name, of in judged.items() if of}
    threshold = asked or choose(judged)
    figures = [group_figures(name, of, threshold.value) for name, of in judged.items()]
    every = [each for of in judged.values() for each in of]
    average = float(np.mean([figure.f1.f1 for figure in figures])) if figures else float("nan")
    steps = up_to_first_error(every)
    is_probability = kind in (Kind.CORRECTNESS, Kind.VALUE) and len(steps.right)
    curve = calibration(steps) if is_probability else []
    return Judgement(
        solutions=len(solutions),
        errors=errors,
        threshold=threshold,
        groups=figures,
        pooled=group_figures("all", every, threshold.value) if len(figures) > 1 else None,
        dimensions=_dimensions(figures),
        average_f1=average if average == average else None,
        curve=curve,
        calibration_error=calibration_error(curve) if curve else None,
        answers=answers(solutions, scores, kind, reduction_for(kind, reduction)),
        biases=biases(solutions, scores if stepwise else {}, threshold.value),
    )


def _dimensions(figures: Sequence[Group]) -> dict[str, float]:
    scores = {figure.name: figure.prm_score for figure in figures}
    whole = {name: categories for name, categories in DIMENSIONS.items() if categories <= set(scores)}
    return {name: float(np.mean([scores[c] for c in sorted(categories)])) for name, categories in whole.items()}


def _has_labels(solution: Solution) -> bool:
    return any(label is not None for label in solution.right)


def _judged(solution: Solution, scores: Mapping[str, Sequence[float]]) -> Judged:
    return Judged(scores[solution.id], solution.right)


def choose(judged: Mapping[str, Sequence[Judged]]) -> Threshold:
    """As ProcessBench does: the one of highest F1 on the first group serves all; a half where there is but one."""
    name = next(iter(judged), "")
    has_both = {each.first_wrong is None for each in judged.get(name, [])} == {True, False}
    if len(judged) < 2 or not has_both:
        return Threshold(HALF, "default")
    return Threshold(best_threshold(judged[name]), f"chosen on {name}")


def group_figures(name: str, judged: Sequence[Judged], threshold: float) -> Group:
    wrong = sum(each.first_wrong is not None for each in judged)
    found = first_errors(judged, threshold)
    spread = interval_of(lambda chosen: found.f1(chosen).f1, len(judged), resamples=500)
    score = prm_score(every_step(judged), threshold)
    return Group(name, len(judged), wrong, found.f1(), auc(*up_to_first_error(judged)), score, spread)


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


# biases


def biases(solutions: Sequence[Solution], scores: Mapping[str, Sequence[float]], threshold: float) -> Biases:
    held = [solution for solution in solutions if solution.id in scores]
    right = [s for s in held if (s.answer is not None or s.answer_right is not None) and _is_right(s)]
    flawed = [s for s in right if False in s.right]
    places = [_lowest(scores[s.id]) for s in held if len(s.steps) > 1]
    histogram = np.sum([_binned(shares) for shares in places], axis=0) / max(1, len(places))
    return Biases(
        right_but_doubted=_share(min(scores[s.id]) < threshold for s in right),
        tolerated=_share(min(scores[s.id]) >= threshold for s in flawed),
        lowest_is_last=_share(shares[-1] for shares in places),
        lowest=np.broadcast_to(histogram, PLACES),
    )


def _share(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else float("nan")


def _lowest(scores: Sequence[float]) -> np.ndarray:
    """Each step's share in being the lowest, [S]."""
    is_lowest = np.asarray(scores) == min(scores)
    return is_lowest / is_lowest.sum()


def _binned(shares: np.ndarray) -> np.ndarray:
    """The shares of steps, [S], by tenths of the way from first step to last, [PLACES]."""
    bins = np.minimum((np.linspace(0, 1, len(shares)) * PLACES).astype(int), PLACES - 1)
    return np.bincount(bins, weights=shares, minlength=PLACES)


# as plain data


def as_json(found: Judgement) -> dict[str, Any]:
    """Everything, NaN as null."""
    answered = found.answers
    rules = {} if answered is None else answered.correct
    return {
        "solutions": found.solutions,
        "errors": found.errors,
        "threshold": found.threshold._asdict(),
        "groups": [_plain(_flat(group)) for group in found.groups],
        "pooled": _plain(_flat(found.pooled)) if found.pooled else None,
        "dimensions": _plain(found.dimensions),
        "average_f1": found.average_f1,
        "calibration": {"error": found.calibration_error, "bins": [b._asdict() for b in found.curve]},
        "answers": None
        if answered is None
        else {
            "questions": len(next(iter(rules.values()))),
            "solutions_a_question": answered.n,
            "reduction": answered.reduction.value,
            "accuracy": {name: accuracy(row, rules["one sample"]) for name, row in rules.items()},
        },
        "biases": _plain({**found.biases._asdict(), "lowest": found.biases.lowest.tolist()}),
    }


def accuracy(row: np.ndarray, one: np.ndarray) -> dict[str, Any]:
    gain = row - one
    return {
        "mean": float(row.mean()),
        "interval": list(interval(list(row))),
        "gain": float(gain.mean()),
        "gain_interval": list(interval(list(gain))),
    }


def _flat(group: Group) -> dict[str, Any]:
    return {
        "group": group.name,
        "solutions": group.solutions,
        "wrong": group.wrong,
        "f1": group.f1.f1,
        "f1_low": group.f1_interval.low,
        "f1_high": group.f1_interval.high,
        "erroneous": group.f1.erroneous,
        "correct": group.f1.correct,
        "step_auc": group.auc,
        "prm_score": group.prm_score,
    }


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and v != v else v for name, v in figures.items()}
