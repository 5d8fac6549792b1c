"""Results by cell: which of them can be compared. What all analyses share."""

from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np

from experiments.analysis.fewer_samples import with_estimates
from experiments.errors import RunError
from experiments.runs.grid import GREEDY
from experiments.runs.results import ORACLE, CellKey, Result
from search.answers.selection import Rule


def correct_by_problem(members: Iterable[Result], rule: str) -> dict[str, float]:
    """Mean correctness of each problem under a rule, over the seeds that it was searched with; problems without gold
    are left out. Figures and their intervals are of problems: seeds of one problem are no further problems.
    """
    found: dict[str, list[float]] = {}
    for member in members:
        if (value := member.correct(rule)) is not None:
            found.setdefault(member.problem, []).append(value)
    return {problem: fmean(found[problem]) for problem in sorted(found)}


RULES = [*(rule.value for rule in Rule), ORACLE]


_ORDER = (GREEDY, "best_of_n", "beam", "mcts", "particle_filter", "custom")


def by_cell(results: Iterable[Result]) -> dict[CellKey, list[Result]]:
    """Results by cell, cells in the order of the searchers, then by n and by budget."""
    cells: dict[CellKey, list[Result]] = {}
    for result in results:
        cells.setdefault(result.cell, []).append(result)
    return dict(sorted(cells.items(), key=lambda item: (_ORDER.index(item[0].searcher), item[0][1:])))


def rules_of(results: Iterable[Result]) -> dict[str, list[str]]:
    """By searcher, the rules that some tree of it allows, and the oracle."""
    seen: dict[str, set[str]] = {}
    for result in results:
        seen.setdefault(result.cell.searcher, {ORACLE}).update(result.selections)
    return {searcher: [rule for rule in RULES if rule in rules] for searcher, rules in seen.items()}


def mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def complete(results: Sequence[Result]) -> list[Result]:
    """What can be compared: cells that were run or are read off others, and the problems that ended in all of them."""
    return in_every_cell(with_estimates([result for result in results if result.gold is not None]))


def in_every_cell(results: Sequence[Result]) -> list[Result]:
    """The results of the problems that have ended in every cell, with each seed that did. Raises RunError where there
    are none. Greedy decoding has one seed for all.
    """
    cells = by_cell(results)
    searched = [{(r.problem, r.seed) for r in members} for key, members in cells.items() if key.searcher != GREEDY]
    problems = [{result.problem for result in members} for members in cells.values()]
    both = set.intersection(*searched) if searched else {(r.problem, r.seed) for r in results}
    shared = set.intersection({problem for problem, _ in both}, *problems)
    if not shared:
        raise RunError("no problem with a gold answer has ended in every cell")
    kept = [result for result in results if result.problem in shared]
    return [r for r in kept if r.cell.searcher == GREEDY or (r.problem, r.seed) in both]
