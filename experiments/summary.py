"""From results to a table: a row for each cell and selection rule, as CSV, and a shorter one for the screen."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.bootstrap import interval
from experiments.cells import GREEDY
from experiments.registry import GROUPS
from experiments.results import ORACLE, Result, correct_by_problem
from experiments.terminal import number
from search.selection import Rule

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
RULES = [*(rule.value for rule in Rule), ORACLE]
COLUMNS = [
    *("searcher", "n", "selection", "problems", "seeds", "accuracy", "ci_low", "ci_high", "no_answer", "errors"),
    *("distinct_answers", "distinct_first_steps", *COSTS),
]
_ORDER = [GREEDY, *GROUPS["search"]]

Row = dict[str, Any]
CellKey = tuple[str, int, tuple[tuple[str, float], ...]]


def by_cell(results: Iterable[Result]) -> dict[CellKey, list[Result]]:
    """Results by cell, cells in the order of the searchers, then by n and by budget."""
    cells: dict[CellKey, list[Result]] = {}
    for result in results:
        cell = result.cell
        cells.setdefault((cell["searcher"], cell["n"], tuple(cell["budget"].items())), []).append(result)
    return dict(sorted(cells.items(), key=lambda item: (_ORDER.index(item[0][0]), item[0][1:])))


def summarise(results: Sequence[Result]) -> list[Row]:
    """A row for each cell and rule: accuracy with its interval, counts of searches, and costs, mean per search.

    A failed search counts as wrong. What is not known is None: FLOPs that a model does not tell, accuracy without gold,
    how many answers are distinct where the cell was not run itself.
    """
    rows: list[Row] = []
    rules = rules_of(results)
    for (searcher, n, limit), members in by_cell(results).items():
        counts = {
            "problems": len({result.problem for result in members}),
            "seeds": len({result.seed for result in members}),
            "no_answer": sum(result.no_answer for result in members),
            "errors": sum(result.error is not None for result in members),
            **{f"distinct_{name}": _distinct(members, name) for name in ("answers", "first_steps")},
        }
        costs = {name: mean([result.ledger[name] for result in members]) for name in COSTS}
        for rule in rules[searcher]:
            cell = {"searcher": searcher, "n": n, "selection": rule, **{f"budget_{k}": v for k, v in limit}}
            told = len(correct_by_problem(members, rule)) or counts["problems"]
            rows.append({**cell, **counts, "problems": told, **_accuracy(members, rule), **costs})
    return rows


def rules_of(results: Iterable[Result]) -> dict[str, list[str]]:
    """By searcher, the rules that some tree of it allows, and the oracle."""
    seen: dict[str, set[str]] = {}
    for result in results:
        seen.setdefault(result.cell["searcher"], {ORACLE}).update(result.selections)
    return {searcher: [rule for rule in RULES if rule in rules] for searcher, rules in seen.items()}


def _accuracy(members: Sequence[Result], rule: str) -> Row:
    correct = list(correct_by_problem(members, rule).values())
    if not correct:
        return {"accuracy": None, "ci_low": None, "ci_high": None}
    low, high = interval(correct)
    return {"accuracy": float(np.mean(correct)), "ci_low": low, "ci_high": high}


def _distinct(members: Sequence[Result], name: str) -> float | None:
    """Mean over the searches that have ended well."""
    known = [result.distinct[name] for result in members if result.distinct is not None]
    return float(np.mean(known)) if known else None


def mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """The columns of COLUMNS, and after `n` a column for each swept budget; an unknown figure is left empty."""
    swept = sorted({name for row in rows for name in row if name.startswith("budget_")})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS[:2], *swept, *COLUMNS[2:]], restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: "" if value is None else value for name, value in row.items()})


def table(rows: Sequence[Row], rule: str) -> Table:
    """A line for each cell: accuracy in per cent by `rule` with its interval, by majority and pass@N, and what it cost.

    Counts of problems without an answer, and of failed ones, are shown where there are any.
    """
    swept = sorted({name for row in rows for name in row if name.startswith("budget_")})
    rules = dict.fromkeys([rule, Rule.MAJORITY.value, ORACLE])
    counts = [name for name in ("no_answer", "errors") if any(row[name] for row in rows)]
    shown = Table(title="accuracy in %, cost per problem", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("searcher", no_wrap=True)
    headings = ["budget" if swept else "n", *("pass@N" if name == ORACLE else name for name in rules)]
    headings.insert(headings.index(rule) + 1, "interval")
    for heading in [*headings, *(name.replace("_", " ") for name in counts), "tokens", "FLOPs"]:
        shown.add_column(heading, justify="right", no_wrap=True)
    cells: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in rows:
        cells.setdefault((row["searcher"], row["n"], *map(row.get, swept)), {})[row["selection"]] = row
    for (searcher, n, *limits), by_rule in cells.items():
        row = by_rule.get(rule) or by_rule[ORACLE]
        limit = next((number(value) for value in limits if value is not None), "") if swept else str(n)
        shares = [_percent(by_rule[name]["accuracy"]) if name in by_rule else "" for name in rules]
        shares.insert(1, _range(row["ci_low"], row["ci_high"]) if rule in by_rule else "")
        costs = [number(row["generated_tokens"]), number(row["flops"])]
        shown.add_row(searcher, limit, *shares, *(number(row[name]) for name in counts), *costs)
    return shown


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{100 * low:.0f}-{100 * high:.0f}"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f}"
