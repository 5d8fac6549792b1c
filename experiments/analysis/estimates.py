"""Estimates of pass@k and votes for k of a run's n independent samples, a row for each metric and k."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from experiments.analysis.fewer_samples import as_samples, is_scored, is_weighted, largest
from experiments.analysis.pass_at_k import (
    Expected,
    best_at_k,
    doublings,
    g_pass_at_k,
    mean_g_pass_at_k,
    pass_at_k,
    vote_at_k,
)
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.uncertainty import Interval, accuracy_interval
from experiments.errors import RunError, one_of
from experiments.runs.results import Result
from search.answers.selection import Rule
from search.errors import KnobError
from search.tree.randomness import generator

Metric = Callable[[Result], Expected | None]  # None where it is unknown


class Subsets(NamedTuple):
    """Numbers of samples (None: 1, 2, 4, ... and all), the share of G-Pass@k, draws of a vote, and their seed."""

    k: Sequence[int] | None = None
    share: float = 0.5
    draws: int = 1000
    seed: int = 0


class Row(NamedTuple):
    """A metric at k: the mean over problems, its interval, and the standard error that drawing subsets adds."""

    k: int
    metric: str
    problems: int
    mean: float
    interval: Interval
    error: float


def independent(results: Sequence[Result], searcher: str) -> list[Result]:
    """A searcher's cell of most independent samples, problems with gold answers. Raises RunError where it has none.

    Failed searches are included.
    """
    names = sorted({result.cell.searcher for result in results})
    if searcher not in names:
        raise RunError(f"searcher={searcher}: not in this run; choose from {one_of(names, searcher)}")
    cell = next((members for members in largest(results) if members[0].cell.searcher == searcher), None)
    if cell is None and any(result.samples for result in results if result.cell.searcher == searcher):
        raise RunError(
            f"searcher={searcher}: a budget cut its searches, so only short samples are left; sweep it without budget.*"
        )
    if cell is None:
        raise RunError(
            f"searcher={searcher}: its solutions depend on each other, so a subset of them is not a smaller search; "
            "estimates need independent samples, such as those of best_of_n. Run it at a smaller N instead"
        )
    if not any(result.samples for result in cell):
        raise RunError(f"searcher={searcher}: all {len(cell)} searches failed; stepsearch sweep run=DIR retry=errors")
    with_gold = [result for result in cell if result.gold is not None]
    if not with_gold:
        raise RunError(f"searcher={searcher}: no problem of this run has a gold answer")
    return with_gold


def estimates(results: Sequence[Result], subsets: Subsets) -> list[Row]:
    """Seeds of one problem are averaged. Raises KnobError where k exceeds the number of samples."""
    n = min(len(result.samples) for result in results if result.samples)
    rows: list[Row] = []
    for k in subsets.k or doublings(n):
        if not 1 <= k <= n:
            raise KnobError(f"Estimate.k has {k}; this run has {n} samples a problem, so k can be 1 to {n}")
        for name, metric in metrics(subsets, k).items():
            by_problem: dict[str, list[Expected]] = {}
            known = False
            for result in results:
                value = Expected(0.0) if result.error else metric(result)  # a failure is wrong
                if value is not None:
                    by_problem.setdefault(result.problem, []).append(value)
                    known = known or not result.error
            if known:
                rows.append(Row(k, name, len(by_problem), *_mean(list(by_problem.values()))))
    return rows


def _mean(by_problem: Sequence[Sequence[Expected]]) -> tuple[float, Interval, float]:
    """Over problems of the mean over seeds; errors of independent draws add in squares."""
    means = [float(np.mean([one.mean for one in seeds])) for seeds in by_problem]
    squares = [sum(one.error**2 for one in seeds) / len(seeds) ** 2 for seeds in by_problem]
    return float(np.mean(means)), accuracy_interval(means), float(np.sqrt(sum(squares))) / len(means)


def metrics(subsets: Subsets, k: int) -> dict[str, Metric]:
    """The metrics at k, by their names in the table."""
    return {
        "pass@k": partial(_counted, lambda n, c: pass_at_k(n, c, k)),
        f"G-Pass@k ({subsets.share:g})": partial(_counted, lambda n, c: g_pass_at_k(n, c, k, subsets.share)),
        "mG-Pass@k": partial(_counted, lambda n, c: mean_g_pass_at_k(n, c, k)),
        RULE_NAMES[Rule.BEST.value]: partial(_best, k),
        RULE_NAMES[Rule.MAJORITY.value]: partial(_vote, subsets, k, False),
        RULE_NAMES[Rule.WEIGHTED.value]: partial(_vote, subsets, k, True),
    }


def _counted(metric: Callable[[int, int], float], result: Result) -> Expected:
    samples = result.samples or ()
    return Expected(metric(len(samples), sum(bool(sample.right) for sample in samples)))


def _best(k: int, result: Result) -> Expected | None:
    return Expected(best_at_k(as_samples(result), k)) if is_scored(result) else None


def _vote(subsets: Subsets, k: int, weighted: bool, result: Result) -> Expected | None:
    samples = as_samples(result)
    if weighted and not is_weighted(result):
        return None
    weight = samples.weight if weighted else np.ones_like(samples.weight)
    rng = generator("estimate", subsets.seed, result.problem, result.seed, k)
    return vote_at_k(samples, weight, k, subsets.draws, rng)
