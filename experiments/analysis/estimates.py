"""What k of a run's n independent samples would have done, a row for each k."""

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
from experiments.analysis.uncertainty import Interval, interval
from experiments.errors import RunError, one_of
from experiments.runs.results import Result
from search.errors import KnobError
from search.tree.randomness import generator

Figure = Callable[[Result], Expected | None]  # None where the result does not tell it


class Subsets(NamedTuple):
    """Which are asked about: numbers of samples (None: 1, 2, 4, ... and all), G-Pass@k's share, draws, their seed."""

    k: Sequence[int] | None = None
    share: float = 0.5
    draws: int = 1000
    seed: int = 0


class Row(NamedTuple):
    """A figure at k: the mean over so many problems, its interval, and the standard error that drawing subsets adds."""

    k: int
    figure: str
    problems: int
    mean: float
    interval: Interval
    error: float


def independent(results: Sequence[Result], searcher: str) -> list[Result]:
    """A searcher's cell of most independent samples, problems with gold answers. Raises RunError where it has none.

    Failed searches are among them.
    """
    names = sorted({result.cell.searcher for result in results})
    if searcher not in names:
        raise RunError(f"searcher={searcher}: not in this run; choose from {one_of(names, searcher)}")
    found = next((members for members in largest(results) if members[0].cell.searcher == searcher), None)
    if found is None and any(result.samples for result in results if result.cell.searcher == searcher):
        raise RunError(
            f"searcher={searcher}: a budget cut its searches, and the samples that were left are the short ones; "
            "sweep it without budget.*"
        )
    if found is None:
        raise RunError(
            f"searcher={searcher}: its solutions depend on each other (they share steps, and which of them went on was "
            "decided among all), so that fewer of them would have been others; only independent samples, as those of "
            "best_of_n, tell what fewer would have done. Run it at a smaller N instead"
        )
    with_gold = [result for result in found if result.gold is not None]
    if not with_gold:
        raise RunError(f"searcher={searcher}: no problem of this run has a gold answer")
    return with_gold


def estimates(results: Sequence[Result], asked: Subsets) -> list[Row]:
    """Seeds of one problem are averaged. Raises KnobError where k exceeds the number of samples."""
    n = min(len(result.samples) for result in results if result.samples)
    rows: list[Row] = []
    for k in asked.k or doublings(n):
        if not 1 <= k <= n:
            raise KnobError(f"Estimate.k has {k}; this run tells of 1 to {n} samples a problem")
        for name, figure in figures(asked, k).items():
            told = [(r.problem, Expected(0.0) if r.error else figure(r)) for r in results]  # a failure is wrong
            found = [(problem, value) for problem, value in told if value is not None]
            if all(result.error or figure(result) is None for result in results):
                continue
            by_problem: dict[str, list[Expected]] = {}
            for problem, value in found:
                by_problem.setdefault(problem, []).append(value)
            if by_problem:
                rows.append(Row(k, name, len(by_problem), *_mean(list(by_problem.values()))))
    return rows


def _mean(by_problem: Sequence[Sequence[Expected]]) -> tuple[float, Interval, float]:
    """Over problems of the mean over seeds; errors of independent draws add in squares."""
    means = [float(np.mean([one.mean for one in of])) for of in by_problem]
    squares = [sum(one.error**2 for one in of) / len(of) ** 2 for of in by_problem]
    return float(np.mean(means)), interval(means), float(np.sqrt(sum(squares))) / len(means)


def figures(asked: Subsets, k: int) -> dict[str, Figure]:
    return {
        "pass@k": partial(_counted, lambda n, c: pass_at_k(n, c, k)),
        f"G-Pass@k ({asked.share:g})": partial(_counted, lambda n, c: g_pass_at_k(n, c, k, asked.share)),
        **({"mG-Pass@k": partial(_counted, lambda n, c: mean_g_pass_at_k(n, c, k))} if k > 1 else {}),
        "highest score": lambda result: Expected(best_at_k(as_samples(result), k)) if is_scored(result) else None,
        "majority": partial(_vote, asked, k, False),
        "weighted vote": partial(_vote, asked, k, True),
    }


def _counted(figure: Callable[[int, int], float], result: Result) -> Expected:
    samples = result.samples or ()
    return Expected(figure(len(samples), sum(bool(sample.right) for sample in samples)))


def _vote(asked: Subsets, k: int, weighted: bool, result: Result) -> Expected | None:
    samples = as_samples(result)
    if weighted and not is_weighted(result):
        return None
    weight = samples.weight if weighted else np.ones_like(samples.weight)
    rng = generator("estimate", asked.seed, result.problem, result.seed, k)
    return vote_at_k(samples, weight, k, asked.draws, rng)
