"""Compute-optimal search: the best searcher and N for each level of difficulty (arXiv 2408.03314, section 3).

The best setting is chosen on one half of the problems and measured on the other, both ways (cross-fitting), so the
estimates are not biased by the choice. They are means over many random halves: of few problems, one split is luck.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.analysis.cells import Cells, correct_by_problem
from experiments.analysis.differences import Difference, paired
from experiments.analysis.fewer_samples import largest
from experiments.analysis.uncertainty import Interval, effective_number, wilson
from experiments.errors import RunError
from experiments.runs.axes import AXIS_COST
from experiments.runs.results import CellKey, Result
from search.tree.randomness import generator
from search.tree.scores import rank

QUINTILES = 5
SPLITS = 32
"""random splits into halves; of 20 problems, the estimate of one split is off by a fifth more"""


class Grid(NamedTuple):
    """Correctness and cost of every setting on every problem, [C, P] each; seeds of a problem are averaged."""

    settings: list[CellKey]
    problems: list[str]
    correct: np.ndarray
    cost: np.ndarray


class Measured(NamedTuple):
    """Correctness by split, [S, P], and mean cost, [P], of the chosen settings, each on problems that it was not chosen
    on.
    """

    splits: np.ndarray
    cost: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Of each problem, [P], over the splits."""
        return self.splits.mean(0)

    @property
    def accuracy(self) -> float:
        return float(self.splits.mean())

    @property
    def interval(self) -> Interval:
        """Of the accuracy. More splits are not more problems: it is as wide as that of one split."""
        number = float(np.mean([effective_number(split) for split in self.splits]))
        return wilson(self.accuracy, number)

    def of(self, where: np.ndarray) -> "Measured":
        """Of the problems `where`, [P] of booleans."""
        return Measured(self.splits[:, where], self.cost[where])


def gain(better: Measured, worse: Measured) -> Difference:
    """The difference of two that were measured over the same splits, as certain as that of one split."""
    differences = better.splits - worse.splits
    mean = differences.mean(0)
    within = float((differences**2).sum(1).mean()) - len(mean) * float(mean.mean()) ** 2
    return paired(mean, least=max(within, 0.0))


def grid(cells: Cells, axis: str, rule: str) -> Grid:
    """The settings of complete cells. Raises RunError where no setting has the rule and a known cost."""
    rows: list[tuple[CellKey, dict[str, float], dict[str, float]]] = []
    for key, members in cells.by_key.items():
        costs = _costs(members, axis)
        if rule in cells.rules[key.searcher] and costs is not None:
            rows.append((key, correct_by_problem(members, rule), costs))
    if not rows:
        raise RunError(f"no searcher's answers were chosen by {rule}, or its {axis} are not known")
    problems = sorted(set.intersection(*(set(correct) for _, correct, _ in rows)))
    correct, cost = (np.array([[row[i][p] for p in problems] for row in rows], dtype=np.float64) for i in (1, 2))
    return Grid([setting for setting, _, _ in rows], problems, correct, cost)


def _costs(members: Sequence[Result], axis: str) -> dict[str, float] | None:
    """Mean cost of each problem; None where any cost is unknown."""
    costs: dict[str, list[float]] = {}
    for member in members:
        if (cost := AXIS_COST[axis](member.ledger)) is None:
            return None
        costs.setdefault(member.problem, []).append(cost)
    return {problem: float(np.mean(values)) for problem, values in costs.items()}


def own_levels(results: Sequence[Result], problems: Sequence[str]) -> np.ndarray | None:
    """The set's own difficulty of each problem, [P] of texts; None where a problem has none."""
    levels = {result.problem: result.level for result in results}
    if any(levels[problem] is None for problem in problems):
        return None
    return np.array([str(levels[problem]) for problem in problems])


def quintiles(results: Sequence[Result], questions: Mapping[str, str]) -> np.ndarray:
    """By the policy's pass rate in a run of independent samples of its own, [P]: "1 of 5" holds the easiest.

    `questions` are by problem, in the order of the answer. Problems of the same pass rate share a level, that of their
    mean rank; so levels may differ in size, or hold no problem.

    Raises RunError where a problem has no samples there, or another question has its name.
    """
    rates: dict[str, list[float]] = {}
    for result in (result for members in largest(results) for result in members):
        if result.samples and result.gold is not None:
            rates.setdefault(result.problem, []).extend(float(bool(sample.right)) for sample in result.samples)
    problems = list(questions)
    theirs = {result.problem: result.question for result in results}
    if other := [problem for problem in problems if theirs.get(problem, questions[problem]) != questions[problem]]:
        raise RunError(f"difficulty=: {other[0]} is another question in that run; give a run of the same problems")
    if missing := [problem for problem in problems if problem not in rates]:
        raise RunError(f"difficulty=: that run has no independent samples of {missing[0]} ({len(missing)} are missing)")
    places = rank(np.array([-round(float(np.mean(rates[problem])), 9) for problem in problems]))
    return np.array([f"{int(place * QUINTILES + 1e-9) + 1} of {QUINTILES}" for place in places])


def halves(levels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Which half each problem is in, [P] of 0 and 1: every level is split evenly, at random.

    Levels of an odd number of problems give their extra one to either half in turn.
    """
    half, extra = np.zeros(len(levels), dtype=int), seed % 2
    for level in np.unique(levels):
        members = np.flatnonzero(levels == level)
        dealt = (np.arange(len(members)) + extra) % 2
        half[generator("halves", seed, str(level)).permutation(members)] = dealt
        extra = (extra + len(members)) % 2
    return half


def choose(grid: Grid, where: np.ndarray, budget: float, among: np.ndarray | None = None) -> int | None:
    """The setting of highest accuracy on the problems `where`, [P] of booleans, among those whose mean cost is within
    the budget; the cheapest of equals. None where there is none, or no problem.

    The cost of a setting is its mean over the problems `among`, which may be more than `where`: costs do not depend on
    correctness.
    """
    if not where.any():
        return None
    accuracy, cost = grid.correct[:, where].mean(1), grid.cost[:, where if among is None else among].mean(1)
    able = np.flatnonzero(cost <= budget * (1 + 1e-9))
    if not len(able):
        return None
    return int(min(able, key=lambda c: (-round(float(accuracy[c]), 12), cost[c])))


def cross_fitted(
    grid: Grid, levels: np.ndarray, budget: float, seed: int = 0, strata: np.ndarray | None = None
) -> Measured | None:
    """Chosen for each level on either half, measured on the other, over SPLITS splits. A level that cannot be chosen
    for, since it has no problem in a half or no setting is cheap enough, takes what is best for that half as a whole;
    None without one.

    The halves split every one of the `strata`, [P], evenly; by default the levels.
    """
    dealt = (halves(levels if strata is None else strata, SPLITS * seed + split) for split in range(SPLITS))
    every = [_split(grid, levels, budget, half) for half in dealt]
    taken = np.array([one for one in every if one is not None])
    if len(taken) < SPLITS:
        return None
    everyone = np.arange(len(levels))
    return Measured(grid.correct[taken, everyone], grid.cost[taken, everyone].mean(0))


def _split(grid: Grid, levels: np.ndarray, budget: float, half: np.ndarray) -> np.ndarray | None:
    """The setting that each problem is measured with, chosen on the other half, [P]; None where none can be chosen."""
    taken = np.full(len(levels), -1)
    for learn, measure in ((0, 1), (1, 0)):
        everywhere = choose(grid, half == learn, budget, np.ones(len(levels), dtype=bool))
        for level in np.unique(levels):
            chosen = choose(grid, (half == learn) & (levels == level), budget, levels == level)
            chosen = everywhere if chosen is None else chosen
            if chosen is None:
                return None
            taken[(half == measure) & (levels == level)] = chosen
    return taken


def curve(
    grid: Grid, levels: np.ndarray, seed: int = 0, strata: np.ndarray | None = None
) -> list[tuple[float, Measured]]:
    """`cross_fitted` at the mean cost of every setting, cheapest first."""
    budgets = sorted({float(cost) for cost in grid.cost.mean(1)})
    measured: Mapping[float, Measured | None] = {b: cross_fitted(grid, levels, b, seed, strata) for b in budgets}
    return [(budget, one) for budget, one in measured.items() if one is not None]


ONE_LEVEL = "all"


FEW = 10
"""problems of a level; fewer tell little about which setting is best"""


def too_few(levels: np.ndarray) -> str:
    """The levels of few problems, in a sentence; empty without one."""
    names, counts = np.unique(levels, return_counts=True)
    few = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < FEW]
    if not few:
        return ""
    if len(names) == 1:
        return f"{counts[0]} problems are too few to tell which setting is best: sweep {FEW} or more"
    return f"too few problems to tell which setting is best, in level {', '.join(few)}: sweep {FEW} or more of each"


def settings(grid: Grid, levels: np.ndarray, budget: float) -> dict[str, CellKey]:
    """The best setting within the budget for each level, by all of its problems."""
    everywhere = choose(grid, np.ones(len(levels), dtype=bool), budget)
    chosen = {str(level): choose(grid, levels == level, budget) for level in np.unique(levels)}
    return {level: grid.settings[everywhere or 0 if place is None else place] for level, place in chosen.items()}
