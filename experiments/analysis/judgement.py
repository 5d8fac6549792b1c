"""The numbers of `stepsearch judge`: the quality of a scorer, from its scores of saved solutions."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.analysis.best_of_n import Answers, answers, is_right
from experiments.analysis.biases import Biases, biases
from experiments.analysis.health import Health, Scored, health
from experiments.analysis.step_metrics import (
    F1,
    Bin,
    FirstErrors,
    Judged,
    auc,
    best_threshold,
    calibration,
    calibration_error,
    every_step,
    first_errors,
    harmonic,
    prm_score,
    up_to_first_error,
)
from experiments.analysis.uncertainty import Interval, accuracy_interval, interval_of
from experiments.problems.solution import Solution
from search.answers.answers import DEFAULT
from search.answers.answers import Answers as Reading
from search.tree.scores import Kind, Reduction, reduce, reduction_for


class Threshold(NamedTuple):
    """A step below `value` counts as wrong; `source` says where the value is from."""

    value: float
    source: str


def default_threshold(kind: Kind) -> Threshold:
    """A half for probabilities; an additive score of a wrong step is negative."""
    return Threshold(0.0 if kind is Kind.ADDITIVE else 0.5, "default")


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


@dataclass(frozen=True)
class Judgement:
    """All numbers; those that the data do not determine are None or empty."""

    solutions: int
    errors: int
    threshold: Threshold
    groups: list[Group]
    pooled: Group | None  # all groups' solutions together; None where there is only one
    dimensions: dict[str, float]  # PRMBench's: the mean PRMScore of their categories
    average_f1: float | None  # None where a group has no F1
    curve: list[Bin]
    calibration_error: float | None
    answers: Answers | None
    biases: Biases
    health: Health | None  # of the solutions of known correctness, where scores are probabilities


def judgement(
    solutions: Sequence[Solution],
    scores: Mapping[str, Sequence[float]],
    errors: int,
    kind: Kind,
    given: Threshold | None,
    reduction: Reduction | None = None,
    reading: Reading = DEFAULT,
) -> Judgement:
    """`given` None: the threshold is chosen on the first group. `reduction` None is the kind's own."""
    groups: dict[str, list[Solution]] = {}
    for solution in solutions:
        groups.setdefault(solution.group, []).append(solution)
    stepwise = kind is not Kind.OUTCOME
    judged = {name: [_judged(s, scores) for s in of if _has_labels(s)] for name, of in groups.items() if stepwise}
    judged = {name: of for name, of in judged.items() if of}
    threshold = given or choose(judged, kind)
    metrics = [group_metrics(name, of, threshold.value) for name, of in judged.items()]
    every = [each for of in judged.values() for each in of]
    average = float(np.mean([group.f1.f1 for group in metrics])) if metrics else float("nan")
    steps = up_to_first_error(every)
    is_probability = kind in (Kind.CORRECTNESS, Kind.VALUE) and len(steps.right)
    curve = calibration(steps) if is_probability else []
    return Judgement(
        solutions=len(solutions),
        errors=errors,
        threshold=threshold,
        groups=metrics,
        pooled=group_metrics("all", every, threshold.value) if len(metrics) > 1 else None,
        dimensions=_dimensions(metrics),
        average_f1=average if average == average else None,
        curve=curve,
        calibration_error=calibration_error(curve) if curve else None,
        answers=answers(solutions, scores, kind, reduction_for(kind, reduction), reading),
        biases=biases(solutions, scores if stepwise else {}, threshold.value, reading),
        health=health(_scored(solutions, scores, kind, reduction_for(kind, reduction), reading)),
    )


def _scored(
    solutions: Sequence[Solution],
    scores: Mapping[str, Sequence[float]],
    kind: Kind,
    reduction: Reduction,
    reading: Reading,
) -> list[Scored]:
    """Of each problem, the solutions whose correctness is known; none where scores are no probabilities."""
    if kind not in (Kind.CORRECTNESS, Kind.VALUE):
        return []
    rows: dict[tuple[str | None, ...], list[tuple[float, bool]]] = {}
    for one in solutions:
        if one.answer is not None or one.answer_right is not None:
            rows.setdefault(one.identity, []).append((reduce(scores[one.id], reduction), is_right(one, reading)))
    return [Scored.of(of) for of in rows.values()]


def _dimensions(metrics: Sequence[Group]) -> dict[str, float]:
    scores = {group.name: group.prm_score for group in metrics}
    complete = {name: categories for name, categories in DIMENSIONS.items() if categories <= set(scores)}
    return {name: float(np.mean([scores[c] for c in sorted(categories)])) for name, categories in complete.items()}


def _has_labels(solution: Solution) -> bool:
    return any(label is not None for label in solution.right)


def _judged(solution: Solution, scores: Mapping[str, Sequence[float]]) -> Judged:
    return Judged(scores[solution.id], solution.right, solution.identity)


def choose(judged: Mapping[str, Sequence[Judged]], kind: Kind) -> Threshold:
    """The threshold of highest F1 on the first group, used for all (as in ProcessBench); the default with one group."""
    name = next(iter(judged), "")
    has_both = {each.first_wrong is None for each in judged.get(name, [])} == {True, False}
    if len(judged) < 2 or not has_both:
        return default_threshold(kind)
    return Threshold(best_threshold(judged[name]), f"chosen on {name}")


def group_metrics(name: str, judged: Sequence[Judged], threshold: float) -> Group:
    wrong = sum(each.first_wrong is not None for each in judged)
    errors = first_errors(judged, threshold)
    spread = f1_interval(errors, [each.problem or (str(place),) for place, each in enumerate(judged)])
    score = prm_score(every_step(judged), threshold)
    return Group(name, len(judged), wrong, errors.f1(), auc(*up_to_first_error(judged)), score, spread)


def f1_interval(errors: FirstErrors, problems: Sequence[Hashable]) -> Interval:
    """The 95 % interval of the F1, by a bootstrap over problems, since solutions of one problem resemble each other.

    Where all resamples are alike, as with a scorer that makes no mistake, it is the F1 of the ends of Wilson's
    intervals of both accuracies.
    """
    members: dict[Hashable, list[int]] = {}
    for place, problem in enumerate(problems):
        members.setdefault(problem, []).append(place)
    places = [np.array(same) for same in members.values()]
    spread = interval_of(lambda chosen: errors.f1(np.concatenate([places[i] for i in chosen])).f1, len(places), 500)
    if spread.low < spread.high or spread.low != spread.low:
        return spread
    halves = [errors.hit[errors.counted & (errors.right == side)] for side in (False, True)]
    lows, highs = zip(*map(accuracy_interval, halves), strict=True)
    return Interval(harmonic(*lows), harmonic(*highs))
