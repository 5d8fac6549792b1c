"""What a scorer's numbers say about the vote to choose, and about searchers that trust its steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.uncertainty import Interval, Z
from experiments.runs.residuals import Residual
from experiments.runs.results import Result
from search.answers.selection import Rule
from search.tree.scores import logit

SATURATED = 0.99
MOST = 100  # right samples of a problem, and wrong ones, that make pairs
_STEEPEST = 100.0  # where scores separate right from wrong in every problem, no finite slope is the best


class Scored(NamedTuple):
    """One problem's finished samples, [n] each: their scores in [0, 1], and whether they are right."""

    scores: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple[float, bool]]) -> "Scored":
        return cls(np.array([score for score, _ in rows]), np.array([right for _, right in rows], dtype=bool))


class Health(NamedTuple):
    """`wrong` samples, the share of them that are `saturated` (None without any), and the slope (None where no problem
    has both right and wrong samples) with its 95 % interval, over `problems`."""

    wrong: int
    saturated: float | None
    slope: float | None
    interval: Interval | None
    problems: int


def health(problems: Iterable[Scored]) -> Health | None:
    """None without a sample.

    The slope is that of correctness on log-odds within a problem: the b that maximises, summed over problems, the mean
    over pairs of a right and a wrong sample of log sigmoid(b (logit(s_right) - logit(s_wrong))), a conditional logistic
    regression by pairs of the first 100 right and the first 100 wrong samples. Votes by odds assume 1. Its interval is
    by the sandwich estimator, clustered by problem.
    """
    known = [one for one in problems if len(one.scores)]
    if not known:
        return None
    wrong = np.concatenate([one.scores[~one.right] for one in known])
    saturated = float((wrong >= SATURATED).mean()) if len(wrong) else None
    gaps = [np.subtract.outer(logit(s[right][:MOST]), logit(s[~right][:MOST])).ravel() for s, right in known]
    gaps = [gap for gap in gaps if len(gap) and np.any(gap != 0)]
    slope, interval = _slope(gaps) if gaps else (None, None)
    return Health(len(wrong), saturated, slope, interval, len(gaps))


def _slope(gaps: Sequence[np.ndarray]) -> tuple[float, Interval | None]:
    """By bisection: the gradient falls with b. Where no right sample is below a wrong one, or none above, no finite
    slope is the best: it is then the end of its range, without an interval.
    """
    every = np.concatenate(gaps)
    if every.min() >= 0 or every.max() <= 0:
        return (_STEEPEST if every.max() > 0 else -_STEEPEST), None
    share = np.concatenate([np.full(len(gap), 1 / len(gap)) for gap in gaps])  # of its problem
    low, high = -_STEEPEST, _STEEPEST
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if share @ (every * _missed(middle * every)) > 0 else (low, middle)
    slope = (low + high) / 2
    missed = _missed(slope * every)
    starts = np.cumsum([0, *map(len, gaps[:-1])])
    gradients = np.add.reduceat(share * every * missed, starts)
    curvature = float(np.sum(share * every**2 * missed * (1 - missed)))
    spread = Z * float(np.sqrt(np.sum(gradients**2))) / curvature
    return slope, Interval(slope - spread, slope + spread)


def _missed(exponents: np.ndarray) -> np.ndarray:
    """1 - sigmoid."""
    return np.exp(-np.logaddexp(0, exponents))


def scored_samples(results: Iterable[Result]) -> list[Scored]:
    """The finished independent samples of each problem, of searches whose scores are probabilities."""
    by_problem: dict[str, list[tuple[float, bool]]] = {}
    for result in results:
        if result.samples and result.gold is not None and Rule.ODDS.value in result.selections:
            known = by_problem.setdefault(result.problem, [])
            known += [
                (sample.weight, bool(sample.right))
                for sample in result.samples
                if sample.answer is not None and sample.weight is not None
            ]
    return [Scored.of(rows) for rows in by_problem.values()]


def residuals(results: Iterable[Result]) -> Mapping[int, Residual]:
    """By depth, over all trees: as `Residual`."""
    sums: dict[int, tuple[int, float]] = {}
    for result in results:
        for depth, nodes, mean in result.residuals or ():
            count, total = sums.get(depth, (0, 0.0))
            sums[depth] = (count + nodes, total + nodes * mean)
    return {depth: Residual(depth, nodes, total / nodes) for depth, (nodes, total) in sorted(sums.items())}
