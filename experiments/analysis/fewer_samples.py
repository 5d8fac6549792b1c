"""The cells that one run of independent samples stands for: results at every smaller N, without running it.

Where a searcher's samples are independent, any k of its n would have been a run of k. So only its largest cell is run;
the others are read off it, a result for each problem and seed, with expected correctness in place of right or wrong:
less noise than a run of k, from the same samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.analysis.pass_at_k import Samples, best_at_k, doublings, pass_at_k, vote_at_k
from experiments.runs.grid import GREEDY
from experiments.runs.results import Result
from search.answers.selection import Rule
from search.tree.randomness import generator

DRAWS = 200  # random subsets for each vote of each problem


_PER_SAMPLE = ("samples", "generated_tokens", "policy_calls")


Sharing = Mapping[str, Sequence[Sequence[int]]]


def with_estimates(results: Sequence[Result]) -> list[Result]:
    """The results, and those at every smaller N that was asked for, or at 1, 2, 4, ... where the run does not say."""
    ran = {(result.cell["searcher"], result.cell["n"]) for result in results}
    found = list(results)
    for members in largest(results):
        searcher, n = members[0].cell["searcher"], members[0].cell["n"]
        asked = members[0].smaller
        for k in doublings(n) if asked is None else asked:
            if k < n and (searcher, k) not in ran:
                found += [at(result, k) for result in members]
    return found


def largest(results: Sequence[Result]) -> list[list[Result]]:
    """The cell of most samples of every searcher whose samples are independent; failed searches are among them.

    Left out are greedy decoding, and cells in which a budget cut some search: it is the short samples that are left.
    """
    cells: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        if result.cell["searcher"] != GREEDY and not result.cell["budget"]:
            cells.setdefault((result.cell["searcher"], result.cell["n"]), []).append(result)
    whole = {
        key: of for key, of in cells.items() if any(r.samples for r in of) and all(r.samples or r.error for r in of)
    }
    return [of for (name, n), of in whole.items() if n == max(m for other, m in whole if other == name)]


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
        ledger=spent(result.ledger, n, size, result.sharing),
        distinct=None,
        samples=None,
        sharing=None,
        smaller=None,
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
    """A number that is not known, as an outcome scorer's of a truncated solution, is NaN; no such sample votes. Scores
    that differ from the tenth digit on are equal, as they are to `Selection`.
    """
    held = result.samples or []
    group = [-1 if sample["group"] is None else sample["group"] for sample in held]
    right, score, weight = (
        np.array([np.nan if sample[name] is None else sample[name] for sample in held], dtype=np.float64)
        for name in ("right", "score", "weight")
    )
    return Samples(np.array(group), right, np.array([float(f"{one:.10g}") for one in score]), np.nan_to_num(weight))


def spent(ledger: dict[str, Any], n: int, k: int, sharing: Sharing | None = None) -> dict[str, Any]:
    """The expected cost of k of n samples.

    What is written goes with k. A prompt that was found in the cache had been computed once for all. A scorer reads
    what is new to it: with a prefix cache each step that differs, else each solution that differs, and so many of these
    are met among k. What it reads goes with all samples where `sharing` (see readings.py) is not known.
    """
    known = {name for name, value in ledger.items() if value is not None}
    found = {**ledger, **{name: ledger[name] * k / n for name in _PER_SAMPLE if name in known}}
    if "seconds" in known and k < n:
        found["seconds"] = None  # samples are written side by side
    question = 0.0
    if {"unique_tokens", "generated_tokens"} <= known:
        question = max(ledger["unique_tokens"] - ledger["generated_tokens"], 0)
        found["unique_tokens"] = question + k * (ledger["unique_tokens"] - question) / n
    if {"prompt_tokens_computed", "prompt_tokens_cached"} <= known:
        shared = ledger["prompt_tokens_cached"] / max(n - 1, 1)
        found["prompt_tokens_computed"] = shared + k * (ledger["prompt_tokens_computed"] - shared) / n
        found["prompt_tokens_cached"] = (k - 1) * shared
    if {"scorer_tokens_computed", "scorer_tokens_cached", "scorer_calls"} <= known:
        found |= _scored(ledger, n, k, sharing or {"steps": [], "solutions": [[1, n, 0]]}, question)
    if {"flops", "scorer_flops"} <= known:
        scorer = ledger["scorer_flops"] * _ratio(found, ledger, "scorer_tokens_computed")
        policy = ledger["flops"] - ledger["scorer_flops"]
        found["scorer_flops"] = scorer
        found["flops"] = scorer + policy * _ratio(found, ledger, "generated_tokens", "prompt_tokens_computed")
    return found


def _scored(ledger: dict[str, Any], n: int, k: int, sharing: Sharing, question: float) -> dict[str, float]:
    """The scorer's part: tokens and calls among k samples."""

    def met(rows: Sequence[Sequence[float]], size: Callable[[Sequence[float]], float], k: int) -> float:
        return sum(size(row) * pass_at_k(n, int(row[0]), k) for row in rows)

    calls, texts = (
        (met(sharing["solutions"], size, k), met(sharing["solutions"], size, n))
        for size in (lambda row: row[1], lambda row: row[2] + question * row[1])
    )
    called, read = (among / of if of else k / n for among, of in (calls, texts))
    computed, cached = ledger["scorer_tokens_computed"], ledger["scorer_tokens_cached"]
    total, new = (computed + cached) * read, computed * read
    if cached and sharing["steps"]:
        steps = [question + met(sharing["steps"], lambda row: row[1], size) for size in (k, n)]
        new = min(computed * steps[0] / steps[1], total)
    return {
        "scorer_tokens_computed": new,
        "scorer_tokens_cached": total - new,
        "scorer_calls": ledger["scorer_calls"] * called,
    }


def _ratio(after: dict[str, Any], before: dict[str, Any], *names: str) -> float:
    total = sum(before.get(name) or 0 for name in names)
    return sum(after.get(name) or 0 for name in names) / total if total else 0.0
