"""Estimates results at every smaller N from one run of independent samples.

Where a searcher's samples are independent, any k of its n samples are a valid run of k. So only its largest cell runs;
the others are estimated from it, a result for each problem and seed, with expected correctness in place of right or
wrong. Such an estimate has less variance than a run of k.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from experiments.analysis.expected_cost import expected_cost
from experiments.analysis.pass_at_k import Samples, best_at_k, doublings, pass_at_k, vote_at_k
from experiments.runs.grid import GREEDY
from experiments.runs.results import Answer, CellKey, Result, Sample
from search.answers.selection import BY_SCORE, Rule
from search.tree.cost import Ledger
from search.tree.randomness import generator

DRAWS = 200  # random subsets for each vote of each problem


def with_estimates(results: Sequence[Result], rules: Sequence[str] | None = None) -> list[Result]:
    """The results, and those at every smaller N that was requested, or at 1, 2, 4, ... where the run does not say.

    What ran at a smaller N, as before a run grew, is not estimated there. `rules` are those whose answers are needed;
    None: all that the results have.
    """
    ran = {(result.cell, result.problem, result.seed) for result in results}
    every = list(results)
    for members in largest(results):
        cell, smaller = members[0].cell, members[0].smaller
        for k in doublings(cell.n) if smaller is None else smaller:
            fewer = cell._replace(n=k)
            if k < cell.n:
                every += [at(r, k, rules) for r in members if (fewer, r.problem, r.seed) not in ran]
    return every


def largest(results: Sequence[Result]) -> list[list[Result]]:
    """The cell of most samples of every searcher whose samples are independent; failed searches are included.

    Greedy decoding is left out, and so is a cell in which a budget cut some search: only its short samples remain. A
    cell all of whose searches failed counts where the searcher has no other.
    """
    cells: dict[CellKey, list[Result]] = {}
    for result in results:
        if result.cell.searcher != GREEDY and not result.cell.limit:
            cells.setdefault(result.cell, []).append(result)
    uncut = {
        key: members
        for key, members in cells.items()
        if any(r.samples or (r.error and r.smaller) for r in members) and all(r.samples or r.error for r in members)
    }
    most: dict[str, CellKey] = {}
    for key in sorted(uncut, key=lambda key: (any(result.samples for result in uncut[key]), key.n)):
        most[key.searcher] = key
    return [members for key, members in uncut.items() if most[key.searcher] == key]


def at(result: Result, k: int, rules: Sequence[str] | None = None) -> Result:
    """The expected result of k of its samples: means over all subsets, or over random subsets for the votes.

    `rules` are those whose answers are needed; None: all that the result has.
    """
    samples = result.samples or []
    n = len(samples) or result.cell.n
    size = min(k, n)
    known = result.samples is not None and result.gold is not None
    wanted = [rule for rule in result.selections if rules is None or rule in rules]
    correct = correctness(result, size, wanted) if known else dict.fromkeys(wanted)
    right, blank = (sum(map(bool, of)) for of in ((s.right for s in samples), (s.answer is None for s in samples)))
    return replace(
        result,
        cell=result.cell._replace(n=k),
        selections={rule: Answer(None, value) for rule, value in correct.items()},
        oracle=pass_at_k(n, right, size) if known else result.oracle,
        no_answer=1 - pass_at_k(n, n - blank, size) if samples else 0.0,
        ledger=cost_at(result, k),
        distinct=None,
        samples=None,
        sharing=None,
        residuals=None,
        smaller=None,
        estimated_from=n,
    )


def cost_at(result: Result, k: int) -> Ledger:
    """The expected cost of k of its samples. A failed search costs its share."""
    n = len(result.samples or ()) or result.cell.n
    return expected_cost(result.ledger, n, min(k, n), result.sharing)


def correctness(result: Result, k: int, rules: Iterable[str]) -> dict[str, float | None]:
    """By rule; None where the rule needs scores that are unknown."""
    samples = as_samples(result)
    correct: dict[str, float | None] = {}
    for rule in rules:
        if rule != Rule.MAJORITY and not is_scored(result):
            correct[rule] = None
        elif rule == Rule.BEST:
            correct[rule] = best_at_k(samples, k)
        else:
            by_score = BY_SCORE.get(Rule(rule))
            weight = np.ones_like(samples.score) if by_score is None else by_score(samples.weight)
            rng = generator("estimate", result.problem, result.seed, k, rule)
            correct[rule] = vote_at_k(samples, weight, k, DRAWS, rng).mean
    return correct


def is_scored(result: Result) -> bool:
    """True where every sample that has an answer has a score."""
    return all(sample.score is not None for sample in _answered(result))


def is_weighted(result: Result) -> bool:
    """True where every sample that has an answer has a weight in the weighted vote."""
    return all(sample.weight is not None for sample in _answered(result))


def _answered(result: Result) -> list[Sample]:
    return [sample for sample in result.samples or () if sample.answer is not None]


def as_samples(result: Result) -> Samples:
    """The samples as arrays. A number that is unknown, as an outcome scorer's of a truncated solution, is NaN; such a
    sample has no weight. Scores that differ from the tenth digit on are equal, as they are to `Selection`.
    """
    samples = result.samples or []
    return Samples(
        np.array([-1 if sample.group is None else sample.group for sample in samples]),
        _numbers([sample.right for sample in samples]),
        np.array([float(f"{score:.10g}") for score in _numbers([sample.score for sample in samples])]),
        np.nan_to_num(_numbers([sample.weight for sample in samples])),
    )


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
