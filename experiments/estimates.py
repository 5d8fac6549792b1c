"""The cells that one run of independent samples stands for: results at every smaller N, without running it.

Where a searcher's samples are independent, any k of its n would have been a run of k. So only its largest cell is run;
the others are read off it, a result for each problem and seed, with expected correctness in place of right or wrong:
less noise than a run of k, from the same samples.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.axes import SPENT, Axis
from experiments.cells import GREEDY
from experiments.estimators import Samples, best_at_k, doublings, pass_at_k, vote_at_k
from experiments.results import Result
from search.randomness import generator
from search.selection import Rule

DRAWS = 200  # random subsets for each vote of each problem
_PER_SAMPLE = ("samples", "generated_tokens", "policy_calls", "scorer_calls")


def with_estimates(results: Sequence[Result]) -> list[Result]:
    """The results, and those at every smaller N that other searchers ran, or at 1, 2, 4, ... where there is none."""
    ran = {(result.cell["searcher"], result.cell["n"]) for result in results}
    scales = {n for searcher, n in ran if searcher != GREEDY}
    found = list(results)
    for members in largest(results):
        searcher, n = members[0].cell["searcher"], members[0].cell["n"]
        smaller = {k for k in scales if k < n} or {k for k in doublings(n) if k < n}
        for k in sorted(smaller):
            if (searcher, k) not in ran:
                found += [at(result, k) for result in members]
    return found


def largest(results: Sequence[Result]) -> list[list[Result]]:
    """The cell of most samples of every searcher whose samples are independent; failed searches are among them."""
    most: dict[str, int] = {}
    for result in results:
        name = result.cell["searcher"]
        if result.samples is not None and name != GREEDY and not result.cell["budget"]:
            most[name] = max(most.get(name, 0), result.cell["n"])
    return [
        [r for r in results if r.cell["searcher"] == name and r.cell["n"] == n and not r.cell["budget"]]
        for name, n in most.items()
    ]


def at(result: Result, k: int) -> Result:
    """What k of a result's samples would have given: means over all subsets, or over random ones for the votes."""
    n = len(result.samples or ()) or result.cell["n"]
    size = min(k, n)
    known = result.samples is not None and result.gold is not None
    correct = correctness(result, size) if known else dict.fromkeys(result.selections)
    blank = sum(sample["answer"] is None for sample in result.samples or ())
    return replace(
        result,
        cell={**result.cell, "n": k},
        selections={rule: {"answer": None, "correct": value} for rule, value in correct.items()},
        oracle=pass_at_k(n, sum(s["right"] for s in result.samples or ()), size) if known else result.oracle,
        no_answer=0.0 if not result.samples else 1 - pass_at_k(n, n - blank, size),
        ledger=spent(result.ledger, n, size),
        distinct=None,
        samples=None,
        estimated_from=n,
    )


def correctness(result: Result, k: int) -> dict[str, float | None]:
    """By rule, of the rules that the result has; None where it takes scores that are not known."""
    samples = as_samples(result)
    found: dict[str, float | None] = {}
    for rule in result.selections:
        if rule != Rule.MAJORITY and not is_scored(result):
            found[rule] = None
        elif rule == Rule.BEST:
            found[rule] = best_at_k(samples, k)
        else:
            weight = samples.weight if rule == Rule.WEIGHTED else np.ones_like(samples.score)
            rng = generator("estimate", result.problem, result.seed, k, rule)
            found[rule] = vote_at_k(samples, weight, k, DRAWS, rng).mean
    return found


def is_scored(result: Result, name: str = "score") -> bool:
    """Whether every sample that has an answer has a score, or a weight."""
    return all(sample[name] is not None for sample in result.samples or () if sample["answer"] is not None)


def as_samples(result: Result) -> Samples:
    """A number that is not known, as an outcome scorer's of a truncated solution, is NaN; no such sample votes."""
    held = result.samples or []
    group = [-1 if sample["group"] is None else sample["group"] for sample in held]
    right, score, weight = (
        np.array([np.nan if sample[name] is None else sample[name] for sample in held], dtype=np.float64)
        for name in ("right", "score", "weight")
    )
    return Samples(np.array(group), right, score, np.nan_to_num(weight))


def spent(ledger: dict[str, Any], n: int, k: int) -> dict[str, Any]:
    """The cost of k of n samples: what they share, once, and k times the mean of the rest.

    What a sample found in the cache had been computed once for all, so the shared part is the mean of that. FLOPs go
    with the tokens computed, since policy and scorer read the same text. Steps that samples happen to share are scored
    once; that fewer samples share fewer is not undone.
    """
    known = {name for name, value in ledger.items() if value is not None}
    found = {**ledger, **{name: ledger[name] * k / n for name in _PER_SAMPLE if name in known}}
    if "seconds" in known and k < n:
        found["seconds"] = None  # samples are written side by side
    for computed, cached in (
        ("prompt_tokens_computed", "prompt_tokens_cached"),
        ("scorer_tokens_computed", "scorer_tokens_cached"),
    ):
        if {computed, cached} <= known:
            shared = ledger[cached] / max(n - 1, 1)
            found[computed] = shared + k * (ledger[computed] - shared) / n
            found[cached] = (k - 1) * shared
    if {"unique_tokens", "generated_tokens"} <= known:
        question = max(ledger["unique_tokens"] - ledger["generated_tokens"], 0)
        found["unique_tokens"] = question + k * (ledger["unique_tokens"] - question) / n
    if "flops" in known:
        before, after = (_computed(one) for one in (ledger, found))
        found["flops"] = ledger["flops"] * after / before if before else 0.0
    return found


def _computed(ledger: dict[str, Any]) -> float:
    return SPENT[Axis.COMPUTED_TOKENS](ledger) or 0
