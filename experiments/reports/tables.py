"""Tables for the terminal, and the same as CSV."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.analysis.comparisons import Comparison
from experiments.analysis.estimates import Row as EstimateRow
from experiments.analysis.summary import COLUMNS, Row
from experiments.runs.axes import Axis
from experiments.runs.results import ORACLE, Result
from experiments.terminal import number
from search.answers.selection import Rule


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """The columns of COLUMNS, and after `n` a column for each swept budget; an unknown figure is left empty."""
    swept = sorted({name for row in rows for name in row if name.startswith("budget_")})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS[:2], *swept, *COLUMNS[2:]], restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: "" if value is None else value for name, value in row.items()})


def summary_table(rows: Sequence[Row], rule: str) -> Table:
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


def comparisons_table(
    found: Sequence[Comparison], baseline: str, axis: Axis, n: float | None, rule: str, results: Sequence[Result]
) -> Table:
    problems, seeds = len({r.problem for r in results}), sorted({r.seed for r in results})
    compute = axis.replace("_", " ")
    against = f"at equal {compute}" if n is None else f"of {n:g}; cost in {compute}"
    title = f"against {baseline} {against}; {rule}; {problems} problems, seed "
    shown = Table(title=title + ", ".join(map(str, seeds)), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("searcher", no_wrap=True)
    for heading in ("N", "cost", "accuracy %", "difference", "95 % interval", "p", "better/worse"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    for one in found:
        cells = ["", "", "", ""]
        if one.difference is not None and one.interval is not None:
            low, high = one.interval
            cells = [f"{100 * one.difference:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}", f"{one.p_value:.3f}"]
            cells.append(f"{one.better}/{one.worse}")
        accuracy = f"{100 * one.cell.correct.mean():.1f}"
        shown.add_row(one.cell.searcher, number(one.cell.scale), number(one.cell.cost), accuracy, *cells, one.verdict)
    return shown


def estimates_table(rows: Sequence[EstimateRow], results: Sequence[Result]) -> Table:
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
        shown.add_row(str(k), *(_with_error(by_k.get((k, name))) for name in names))
    return shown


def _with_error(row: EstimateRow | None) -> str:
    if row is None:
        return ""
    return f"{100 * row.mean:.1f}" + f" ± {100 * row.error:.1f}" * (row.error >= 0.0005)


def write_estimates(rows: Sequence[EstimateRow], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["k", "figure", "problems", "mean", "ci_low", "ci_high", "subset_error"])
        writer.writerows(_estimate_cells(rows))


def _estimate_cells(rows: Sequence[EstimateRow]) -> Iterator[list[object]]:
    return ([row.k, row.figure, row.problems, row.mean, *row.interval, row.error] for row in rows)
