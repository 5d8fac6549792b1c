"""Summarises results as rows, one for each cell and selection rule."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.analysis.cells import Cells, correct_by_problem, mean
from experiments.analysis.endings import by_searcher, lost_share
from experiments.analysis.uncertainty import accuracy_interval
from experiments.runs.results import Result

COSTS = [
    "generated_tokens",
    "unique_tokens",
    "prompt_tokens_computed",
    "prompt_tokens_cached",
    "scorer_tokens_computed",
    "scorer_tokens_cached",
    "policy_calls",
    "scorer_calls",
    "flops",
    "seconds",
]


COLUMNS = [
    *("searcher", "n", "selection", "problems", "seeds", "accuracy", "ci_low", "ci_high", "no_answer", "errors"),
    *("distinct_answers", "distinct_first_steps", *COSTS),
]


Row = dict[str, Any]


def summarise(cells: Cells) -> list[Row]:
    """A row for each cell and rule: accuracy with its interval, counts of searches, and costs, mean per search.

    A failed search counts as wrong. Unknown values are None: FLOPs that a model does not report, accuracy without gold,
    the number of distinct answers where the cell is an estimate. `lost` is the share of the searcher's solutions that
    came to nothing.
    """
    rows: list[Row] = []
    lost = {searcher: lost_share(endings) for searcher, endings in by_searcher(cells.searches).items()}
    for (searcher, n, limit), members in cells.by_key.items():
        counts = {
            "problems": len({result.problem for result in members}),
            "seeds": len({result.seed for result in members}),
            "no_answer": sum(result.no_answer for result in members),
            "errors": sum(result.error is not None for result in members),
            **{f"distinct_{name}": _distinct(members, name) for name in ("answers", "first_steps")},
        }
        costs = {name: mean([getattr(result.ledger, name) for result in members]) for name in COSTS}
        for rule in cells.rules[searcher]:
            cell = {
                "searcher": searcher,
                "n": n,
                "selection": rule,
                "lost": lost.get(searcher),
                **{f"budget_{k}": v for k, v in limit},
            }
            problems = len(correct_by_problem(members, rule)) or counts["problems"]
            rows.append({**cell, **counts, "problems": problems, **_accuracy(members, rule), **costs})
    return rows


def _accuracy(members: Sequence[Result], rule: str) -> Row:
    correct = list(correct_by_problem(members, rule).values())
    if not correct:
        return {"accuracy": None, "ci_low": None, "ci_high": None}
    low, high = accuracy_interval(correct)
    return {"accuracy": float(np.mean(correct)), "ci_low": low, "ci_high": high}


def _distinct(members: Sequence[Result], name: str) -> float | None:
    """Mean over the searches that did not fail."""
    known = [getattr(result.distinct, name) for result in members if result.distinct is not None]
    return float(np.mean(known)) if known else None
