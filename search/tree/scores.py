"""What a score means decides what may be done with it: the kinds, the reductions, one table and one function."""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.errors import KindError, ScoreError

Array = NDArray[np.float64]


class Kind(StrEnum):
    """What a scorer's number says of a step."""

    CORRECTNESS = "correctness"  # probability that the step is right, 0..1
    VALUE = "value"  # probability that the solution will be right, 0..1
    ADDITIVE = "additive"  # an increment, unbounded
    RANKING = "ranking"  # order among siblings only
    OUTCOME = "outcome"  # one number for a finished solution, none for a step


class Reduction(StrEnum):
    """From the scores of a path's steps, [S], to one number."""

    LAST = "last"
    MIN = "min"
    PRODUCT = "product"
    MEAN = "mean"
    SUM = "sum"


class Use(StrEnum):
    BEAM = "search by the values of steps (beam, REBASE, DVTS, best-first, diverse beam, backtracking)"
    ACROSS = "search that compares steps of different places (look-ahead, back-off)"
    MCTS = "mcts"
    LEAVES = "search by the values of its leaves (AB-MCTS, Gumbel)"
    PARTICLES = "particle filter"
    VOTE = "weighted vote"
    ODDS = "vote by odds or a power"


class Scope(StrEnum):
    """Among which nodes a conversion compares: each by itself, siblings, or all there are."""

    ITSELF = "itself"
    SIBLINGS = "siblings"
    ALL = "all"


class Conversion(NamedTuple):
    """Turns reduced scores, [N], of the nodes in `scope` into what the use needs, [N]."""

    scope: Scope
    convert: Callable[[Array], Array]


def itself(scores: Array) -> Array:
    return scores


def logit(scores: Array) -> Array:
    """log(p / (1 - p)), the scores clipped to [1e-6, 1 - 1e-6]."""
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped) - np.log1p(-clipped)


def odds(shares: Array) -> Array:
    """p / (1 - p), the shares clipped to [0.001, 0.999]: a score that a model has saturated weighs no more than 999."""
    clipped = np.clip(shares, 1e-3, 1 - 1e-3)
    return clipped / (1 - clipped)


def fourth_power(shares: Array) -> Array:
    return shares**4


def min_max(scores: Array) -> Array:
    """To [0, 1]; all equal gives 0.5."""
    low, high = float(scores.min()), float(scores.max())
    return (scores - low) / (high - low) if high > low else np.full_like(scores, 0.5)


def rank(scores: Array) -> Array:
    """Mid-rank in (0, 1): ties share theirs, and a lone node has 0.5."""
    ordered = np.sort(scores)
    below, upto = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
    return (below + (upto - below) / 2) / len(scores)


def softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


def normalise(log_weights: Array) -> Array:
    """[N] log-weights to weights that sum to one; -inf is weight zero. Raises ValueError where all are zero."""
    top = log_weights.max()
    if not np.isfinite(top):
        raise ValueError("no particle has a finite, positive weight")
    raised = np.exp(log_weights - top)
    return raised / raised.sum()


def sigmoid_if_unbounded(scores: Array) -> Array:
    """The scores themselves where all lie in [0, 1], else their sigmoid."""
    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    return np.exp(-np.logaddexp(0, -scores))


_PROBABILITY = {
    Use.BEAM: Conversion(Scope.ITSELF, itself),
    Use.ACROSS: Conversion(Scope.ITSELF, itself),
    Use.MCTS: Conversion(Scope.ITSELF, itself),
    Use.LEAVES: Conversion(Scope.ITSELF, itself),
    Use.PARTICLES: Conversion(Scope.ITSELF, logit),
    Use.VOTE: Conversion(Scope.ITSELF, itself),
    Use.ODDS: Conversion(Scope.ITSELF, itself),
}
_TABLE: dict[Kind, dict[Use, Conversion]] = {
    Kind.CORRECTNESS: _PROBABILITY,
    Kind.VALUE: _PROBABILITY,
    Kind.ADDITIVE: {
        Use.BEAM: Conversion(Scope.ITSELF, itself),
        Use.ACROSS: Conversion(Scope.ITSELF, itself),
        Use.MCTS: Conversion(Scope.ALL, min_max),
        Use.LEAVES: Conversion(Scope.ALL, min_max),
        Use.PARTICLES: Conversion(Scope.ITSELF, itself),
        Use.VOTE: Conversion(Scope.ALL, softmax),
    },
    Kind.RANKING: {
        Use.BEAM: Conversion(Scope.SIBLINGS, rank),
        Use.MCTS: Conversion(Scope.SIBLINGS, rank),
    },
    Kind.OUTCOME: {
        Use.MCTS: Conversion(Scope.ALL, min_max),
        Use.LEAVES: Conversion(Scope.ALL, min_max),
        Use.VOTE: Conversion(Scope.ALL, sigmoid_if_unbounded),
        Use.ODDS: Conversion(Scope.ALL, sigmoid_if_unbounded),
    },
}
_REDUCTIONS: dict[Kind, tuple[Reduction, ...]] = {
    Kind.CORRECTNESS: (Reduction.MIN, Reduction.LAST, Reduction.PRODUCT, Reduction.MEAN),
    Kind.VALUE: (Reduction.LAST, Reduction.MIN, Reduction.PRODUCT, Reduction.MEAN),
    Kind.ADDITIVE: (Reduction.SUM, Reduction.LAST),
    Kind.RANKING: (Reduction.LAST,),
    Kind.OUTCOME: (Reduction.LAST,),
}


def conversion(kind: Kind, use: Use) -> Conversion:
    """What `use` does with the scores of `kind`. Raises KindError where the table has no entry."""
    found = _TABLE[kind].get(use)
    if found is None:
        fit = ", ".join(k for k in Kind if use in _TABLE[k])
        raise KindError(f"a {use} cannot use scores of kind {kind}; it takes: {fit}")
    return found


def allows(kind: Kind, use: Use) -> bool:
    """Whether `use` can do with scores of the kind."""
    return use in _TABLE[kind]


def reduction_for(kind: Kind, asked: Reduction | None) -> Reduction:
    """The asked reduction, or the kind's own (the first of its list). Raises KindError where the kind forbids it."""
    allowed = _REDUCTIONS[kind]
    if asked is not None and asked not in allowed:
        raise KindError(f"reduction {asked} is not defined for scores of kind {kind}; choose from {', '.join(allowed)}")
    return asked or allowed[0]


def neutral(kind: Kind) -> float:
    """What stands for the score of a step that the scorer was not asked about: neither good nor bad."""
    return 0.5 if kind in (Kind.CORRECTNESS, Kind.VALUE) else 0.0


def reduce(scores: Sequence[float], reduction: Reduction) -> float:
    """One number from the scores of a path, [S] with S >= 1."""
    match reduction:
        case Reduction.LAST:
            return scores[-1]
        case Reduction.MIN:
            return min(scores)
        case Reduction.PRODUCT:
            return math.prod(scores)
        case Reduction.MEAN:
            return math.fsum(scores) / len(scores)
        case Reduction.SUM:
            return math.fsum(scores)


def check_scores(kind: Kind, scores: Sequence[float], wanted: int, who: str = "the scorer") -> None:
    """Raises ScoreError unless there are `wanted` finite numbers, in [0, 1] for the kinds that are probabilities."""
    if len(scores) != wanted:
        raise ScoreError(f"{who} returned {len(scores)} scores for {wanted} steps; return one number a step")
    for place, score in enumerate(scores):
        if not math.isfinite(score):
            raise ScoreError(f"{who} returned {score} for step {place + 1} of {wanted}")
        # A mean of single-precision numbers may exceed one by rounding; no use of a score minds.
        if kind in (Kind.CORRECTNESS, Kind.VALUE) and not -1e-6 <= score <= 1 + 1e-6:
            raise ScoreError(
                f"{who} returned {score} for step {place + 1} of {wanted}, but its kind is {kind}: "
                "a number in [0, 1]; declare another kind or return a probability"
            )
