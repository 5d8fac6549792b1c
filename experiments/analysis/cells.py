"""Results by cell, and the subset that can be compared; used by all analyses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from experiments.analysis.fewer_samples import with_estimates
from experiments.analysis.rules import RULES
from experiments.config.settings import searcher_of
from experiments.errors import RunError
from experiments.runs.grid import GREEDY
from experiments.runs.results import ORACLE, CellKey, Result
from search.answers.selection import Rule
from search.tree.cost import Ledger

_ORDER = (
    GREEDY, "best_of_n", "beam", "mcts",
    "particle_filter", "particle_gibbs", "entropic_filter", "ab_mcts", "gumbel",
    "rebase", "dvts", "lookahead", "best_first", "backoff", "diverse_beam", "backtracking",
    "rsa", "pdr", "refinement", "genselect", "deepconf", "thinking_budget",
    "again", "custom",
)  # fmt: skip

_USUAL = {Rule.BEST.value, Rule.MAJORITY.value, Rule.WEIGHTED.value}


@dataclass(frozen=True)
class Cells:
    """The results of a run by cell; `Cells.of` adds the cells that are estimated from larger ones."""

    results: Sequence[Result]

    @classmethod
    def of(cls, results: Sequence[Result], rules: Sequence[str] | None = None) -> "Cells":
        """`rules` as in `with_estimates`, which take their time to estimate."""
        return cls(with_estimates(results, rules))

    @cached_property
    def searches(self) -> list[Result]:
        """The results of searches that were run, without estimates."""
        return [result for result in self.results if result.estimated_from is None]

    @cached_property
    def by_key(self) -> dict[CellKey, list[Result]]:
        """In the order of the searchers, then by n and by budget."""
        cells: dict[CellKey, list[Result]] = {}
        for result in self.results:
            cells.setdefault(result.cell, []).append(result)
        return dict(sorted(cells.items(), key=lambda item: (_place(item[0].searcher), item[0][1:])))

    @cached_property
    def rules(self) -> dict[str, list[str]]:
        """By searcher, the rules that at least one of its trees allows, and the oracle.

        A searcher all of whose searches failed has those of the others, under which it is wrong.
        """
        rules: dict[str, set[str]] = {}
        for result in self.results:
            rules.setdefault(result.cell.searcher, {ORACLE}).update(result.selections)
        others = set[str]().union(*rules.values()) - {ORACLE, Rule.PARTICLE.value} or _USUAL
        failed = set(rules) - {result.cell.searcher for result in self.results if result.error is None}
        for searcher in failed:
            rules[searcher] |= others
        return {searcher: [rule for rule in RULES if rule in allowed] for searcher, allowed in rules.items()}

    @cached_property
    def searchers(self) -> list[str]:
        """The searchers in order, without greedy decoding."""
        return list(dict.fromkeys(key.searcher for key in self.by_key if key.searcher != GREEDY))

    @cached_property
    def expected(self) -> dict[tuple[str, str, int], list[Result]]:
        """By searcher, rule and number of samples, expected results that some analysis has computed and others need."""
        return {}

    @cached_property
    def expected_costs(self) -> dict[tuple[str, int], list[Ledger]]:
        """By searcher and number of samples, expected costs in the same way."""
        return {}

    @cached_property
    def problems(self) -> list[str]:
        return sorted({result.problem for result in self.results})

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({result.seed for result in self.results})

    def only(self, keep: Callable[[CellKey], bool]) -> "Cells":
        return Cells([result for result in self.results if keep(result.cell)])

    def complete(self) -> "Cells":
        """The results that can be compared: problems with a gold answer that ended in every cell, with each seed that
        did. Greedy decoding has one seed for all. Raises RunError where there is no such problem.
        """
        with_gold = [result for result in self.results if result.gold is not None]
        searched = [_searches(members) for key, members in Cells(with_gold).by_key.items() if key.searcher != GREEDY]
        everywhere = set.intersection(*searched) if searched else _searches(with_gold)
        in_cells = [{result.problem for result in members} for members in Cells(with_gold).by_key.values()]
        shared = set.intersection({problem for problem, _ in everywhere}, *in_cells)
        if not shared:
            raise RunError("no problem with a gold answer has ended in every cell")
        results = [result for result in with_gold if result.problem in shared]
        return Cells([r for r in results if r.cell.searcher == GREEDY or (r.problem, r.seed) in everywhere])


def _place(name: str) -> tuple[int, str]:
    """A searcher's place in the order; a setting of it follows, and what this version does not know comes last."""
    searcher = searcher_of(name)
    return _ORDER.index(searcher) if searcher in _ORDER else len(_ORDER), name


def _searches(results: Iterable[Result]) -> set[tuple[str, int]]:
    return {(result.problem, result.seed) for result in results}


def correct_by_problem(members: Iterable[Result], rule: str) -> dict[str, float]:
    """Mean correctness of each problem under a rule, over the seeds that it was searched with; problems without gold
    are left out. Means and intervals are over problems; seeds do not count as more problems.
    """
    correct: dict[str, list[float]] = {}
    for member in members:
        if (value := member.correct(rule)) is not None:
            correct.setdefault(member.problem, []).append(value)
    return {problem: fmean(correct[problem]) for problem in sorted(correct)}


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where a value is unknown."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
