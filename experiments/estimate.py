"""What fewer samples would have done: every budget k up to n from one run of n independent samples a problem.

usage: stepsearch estimate run=DIR [key=value ...]

Prints by k, and writes to estimates.csv with 95 % intervals over problems: pass@k, G-Pass@k and mG-Pass@k (arXiv
2412.13147), the accuracy of the highest score, the majority and the score-weighted vote. Votes are means over random
subsets, with the standard error that this adds; all else is exact. `stepsearch curves` draws them.

    stepsearch estimate run=runs/bigbench
    stepsearch estimate run=runs/bigbench k=[1,3,10] share=0.75 draws=1000
"""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.bootstrap import Interval, interval
from experiments.compose import compose
from experiments.errors import ConfigError, RunError, one_of
from experiments.estimates import as_samples, is_scored, largest
from experiments.estimators import (
    Expected,
    best_at_k,
    doublings,
    g_pass_at_k,
    mean_g_pass_at_k,
    pass_at_k,
    vote_at_k,
)
from experiments.results import Result, read_results
from experiments.schema import build
from experiments.terminal import screen
from search.errors import KnobError, check_knob
from search.randomness import generator

FILE = "estimates.csv"
Figure = Callable[[Result], Expected | None]  # None where the result does not tell it


@dataclass(frozen=True)
class Estimate:
    """The knobs of `stepsearch estimate`."""

    run: str | None = None
    """the run folder of a sweep, or of `stepsearch import`"""
    searcher: str = "best_of_n"
    """whose samples; they must be independent"""
    k: list[int] | None = None
    """numbers of samples; 1, 2, 4, ... and all where null"""
    share: float = 0.5
    """G-Pass@k: least share of k samples that must be right"""
    draws: int = 1000
    """random subsets for each vote of each problem"""
    seed: int = 0
    """of the subsets"""

    def __post_init__(self) -> None:
        check_knob(self, "share", least=0, most=1)
        check_knob(self, "draws", least=2)
        check_knob(self, "seed", least=0)


class Row(NamedTuple):
    """A figure at k: the mean over so many problems, its interval, and the standard error that drawing subsets adds."""

    k: int
    figure: str
    problems: int
    mean: float
    interval: Interval
    error: float


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Estimate = build(compose(Estimate, overrides))
    if not knobs.run:
        raise ConfigError("estimate needs the folder of a run: run=DIR")
    folder = Path(knobs.run).expanduser()
    results = independent(read_results(folder), knobs.searcher)
    rows = estimates(results, knobs)
    screen().print(table(rows, results))
    try:
        write(rows, folder / FILE)
    except OSError as error:
        raise RunError(f"{folder / FILE} cannot be written: {error.strerror}") from error
    print(folder / FILE)
    return 0


def independent(results: Sequence[Result], searcher: str) -> list[Result]:
    """A searcher's cell of most independent samples, problems with gold answers. Raises RunError where it has none.

    Failed searches are among them.
    """
    names = sorted({result.cell["searcher"] for result in results})
    if searcher not in names:
        raise RunError(f"searcher={searcher}: not in this run; choose from {one_of(names, searcher)}")
    found = next((members for members in largest(results) if members[0].cell["searcher"] == searcher), None)
    if found is None and any(result.samples for result in results if result.cell["searcher"] == searcher):
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


def estimates(results: Sequence[Result], knobs: Estimate) -> list[Row]:
    """Seeds of one problem are averaged. Raises KnobError where k exceeds the number of samples."""
    n = min(len(result.samples) for result in results if result.samples)
    rows: list[Row] = []
    for k in knobs.k or doublings(n):
        if not 1 <= k <= n:
            raise KnobError(f"Estimate.k has {k}; this run tells of 1 to {n} samples a problem")
        for name, figure in figures(knobs, k).items():
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


def figures(knobs: Estimate, k: int) -> dict[str, Figure]:
    return {
        "pass@k": partial(_counted, lambda n, c: pass_at_k(n, c, k)),
        f"G-Pass@k ({knobs.share:g})": partial(_counted, lambda n, c: g_pass_at_k(n, c, k, knobs.share)),
        **({"mG-Pass@k": partial(_counted, lambda n, c: mean_g_pass_at_k(n, c, k))} if k > 1 else {}),
        "highest score": lambda result: Expected(best_at_k(as_samples(result), k)) if is_scored(result) else None,
        "majority": partial(_vote, knobs, k, False),
        "weighted vote": partial(_vote, knobs, k, True),
    }


def _counted(figure: Callable[[int, int], float], result: Result) -> Expected:
    right = [sample["right"] for sample in result.samples or ()]
    return Expected(figure(len(right), sum(right)))


def _vote(knobs: Estimate, k: int, weighted: bool, result: Result) -> Expected | None:
    samples = as_samples(result)
    if weighted and not is_scored(result, "weight"):
        return None
    weight = samples.weight if weighted else np.ones_like(samples.weight)
    rng = generator("estimate", knobs.seed, result.problem, result.seed, k)
    return vote_at_k(samples, weight, k, knobs.draws, rng)


def table(rows: Sequence[Row], results: Sequence[Result]) -> Table:
    """A line for each k, per cent; intervals stand in the file."""
    problems, n = len({result.problem for result in results}), max(len(result.samples or ()) for result in results)
    seeds = ", ".join(map(str, sorted({result.seed for result in results})))
    title = f"in %, of {n} independent samples of each of {problems} problems, seed {seeds}"
    names = list(dict.fromkeys(row.figure for row in rows))
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ["k", *names]:
        shown.add_column(heading, justify="right", no_wrap=True)
    by_k = {(row.k, row.figure): row for row in rows}
    for k in dict.fromkeys(row.k for row in rows):
        shown.add_row(str(k), *(_percent(by_k.get((k, name))) for name in names))
    return shown


def _percent(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{100 * row.mean:.1f}" + f" ± {100 * row.error:.1f}" * (row.error >= 0.0005)


def write(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["k", "figure", "problems", "mean", "ci_low", "ci_high", "subset_error"])
        writer.writerows(_cells(rows))


def _cells(rows: Sequence[Row]) -> Iterator[list[object]]:
    return ([row.k, row.figure, row.problems, row.mean, *row.interval, row.error] for row in rows)


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["estimate", *sys.argv[1:]]))
