"""How good the PRMs of the loop are: at steps, at whole solutions, and in searches that they judge.

All figures are means over seeds, which search the same problems; intervals are over problems.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, comparisons
from experiments.analysis.differences import paired
from experiments.analysis.uncertainty import Interval, accuracy_interval, interval_of
from experiments.runs.axes import Axis
from experiments.tiny.rounds.evaluations import SAMPLES, Evaluation
from search import Rule

RULE = Rule.BEST.value
STEP_AUC, F1, SOLUTION_AUC = "step AUC", "first-error F1", "solution AUC"
BEST_OF_N, BEAM, MCTS = "best of n", "beam", "MCTS"
STATISTICS: dict[str, Callable[[Evaluation, np.ndarray], float]] = {
    STEP_AUC: Evaluation.auc,
    F1: Evaluation.f1,
    SOLUTION_AUC: Evaluation.solution_auc,
}
SEARCHERS = {BEST_OF_N: SAMPLES, BEAM: "beam", MCTS: "mcts"}
MEASURES = (*STATISTICS, *SEARCHERS)
RESAMPLES = 500

Seeds = Sequence[Evaluation]
"""The evaluations of a PRM, one for each seed."""


class Figure(NamedTuple):
    """A mean over seeds with its 95 % interval."""

    mean: float
    interval: Interval


def figure(measure: str, prm: Seeds) -> Figure:
    """How good a PRM is."""
    if measure in SEARCHERS:
        return accuracy(SEARCHERS[measure], RULE, prm)
    return _bootstrap(lambda chosen: _mean(measure, prm, chosen), len(prm[0].problems))


def difference(measure: str, prm: Seeds, other: Seeds) -> Figure:
    """How much better a PRM is than another, paired by problem."""
    if measure in SEARCHERS:
        gain = paired(_correct(measure, prm) - _correct(measure, other), len(prm))
        return Figure(gain.mean, gain.interval)
    return _bootstrap(lambda chosen: _mean(measure, prm, chosen) - _mean(measure, other, chosen), len(prm[0].problems))


def accuracy(searcher: str, rule: str, prm: Seeds) -> Figure:
    """The accuracy of a searcher's answers that a rule chooses."""
    return _over_problems([each.correct(searcher, rule) for each in prm])


def one_sample(prm: Seeds) -> Figure:
    """The accuracy of a single sample."""
    return _over_problems([each.one_sample() for each in prm])


def at_equal_tokens(prm: Seeds) -> dict[str, Comparison]:
    """Beam and MCTS against the best of as many samples as cost the same tokens."""
    cells = Cells.of([result for each in prm for result in each.results], [RULE]).complete()
    found = {each.cell.searcher: each for each in comparisons(cells, SAMPLES, Axis.GENERATED_TOKENS, RULE)}
    return {name: found[searcher] for name, searcher in SEARCHERS.items() if searcher in found}


def tokens(prm: Seeds) -> dict[str, float]:
    """Generated tokens for each problem by searcher."""
    return {name: float(np.mean([each.tokens(searcher) for each in prm])) for name, searcher in SEARCHERS.items()}


def every(prms: Mapping[str, Seeds]) -> dict[str, dict[str, Figure]]:
    """All measures of all PRMs, by name."""
    return {name: {measure: figure(measure, prm) for measure in MEASURES} for name, prm in prms.items()}


def _over_problems(correct_by_seed: Sequence[np.ndarray]) -> Figure:
    correct = np.mean(correct_by_seed, axis=0)
    return Figure(float(correct.mean()), accuracy_interval(correct))


def _correct(measure: str, prm: Seeds) -> np.ndarray:
    return np.mean([each.correct(SEARCHERS[measure], RULE) for each in prm], axis=0)


def _mean(measure: str, prm: Seeds, chosen: np.ndarray) -> float:
    return float(np.mean([STATISTICS[measure](each, chosen) for each in prm]))


def _bootstrap(statistic: Callable[[np.ndarray], float], count: int) -> Figure:
    return Figure(statistic(np.arange(count)), interval_of(statistic, count, RESAMPLES))
