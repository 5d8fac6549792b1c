"""Tables for the terminal, and the same data as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison
from experiments.analysis.differences import Difference
from experiments.analysis.endings import MOST
from experiments.analysis.estimates import Row as EstimateRow
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.summary import COLUMNS, Row
from experiments.runs.atomic import write_whole
from experiments.runs.axes import Axis
from experiments.runs.results import ORACLE, Result
from experiments.terminal import number, percent
from search.answers.selection import Rule

# what all tables share


def new_table(title: str, first: str, *others: str, left: Sequence[str] = ()) -> Table:
    """A table whose first column, and those named in `left`, are texts; the others are numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in (first, *others):
        table.add_column(heading, justify="left" if heading in (first, *left) else "right", no_wrap=True)
    return table


def spread(ends: Iterable[float], sign: str = "") -> str:
    """The ends of an interval as percentages."""
    return " to ".join(percent(end, sign) for end in ends)


def with_interval(value: float, interval: Iterable[float], sign: str = "") -> str:
    """Percentages: "81.5 (77.0 to 86.0)"."""
    return f"{percent(value, sign)} ({spread(interval, sign)})"


def listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV file, or leaves what was there; None is left empty. Raises RunError where it cannot be written."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    write_whole(path, text.getvalue())


# a sweep's summary


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """The columns of COLUMNS, and after `n` a column for each swept budget."""
    header = [*COLUMNS[:2], *_swept(rows), *COLUMNS[2:]]
    write_rows(path, header, ([row.get(name) for name in header] for row in rows))


def _swept(rows: Sequence[Row]) -> list[str]:
    return sorted({name for row in rows for name in row if name.startswith("budget_")})


def summary_table(rows: Sequence[Row], rule: str, failed: str = "") -> Table:
    """A row for each cell: accuracy in per cent by `rule` with its interval, by majority and pass@N, and its cost.

    `failed`, how many searches failed, stands in the title.

    Counts of problems without an answer, and of failed ones, are shown where there are any, and the number of problems
    where cells differ in it. Where too many of a searcher's solutions came to nothing, so is their share, in per cent.
    """
    swept = _swept(rows)
    rules = dict.fromkeys([rule, Rule.MAJORITY.value, ORACLE])
    counts = ["problems"] * uneven(rows)
    counts += [name for name in ("no_answer", "errors") if any(expected_count(row[name]) != "0" for row in rows)]
    headings = ["budget" if swept else "n", *(RULE_NAMES[name] if name == ORACLE else name for name in rules)]
    headings.insert(2, "interval")
    lossy = any((row["lost"] or 0) > MOST for row in rows)
    headings += [*(name.replace("_", " ") for name in counts), *["lost"] * lossy, "tokens", "FLOPs"]
    title = "accuracy in %, cost per problem" + f"; {failed}" * bool(failed)
    table = new_table(title, "searcher", *headings)
    cells: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in rows:
        cells.setdefault((row["searcher"], row["n"], *map(row.get, swept)), {})[row["selection"]] = row
    for (searcher, n, *limits), by_rule in cells.items():
        row = by_rule.get(rule) or by_rule[ORACLE]
        limit = next((number(value) for value in limits if value is not None), "") if swept else str(n)
        shares = [percent(by_rule[name]["accuracy"]) if name in by_rule else "" for name in rules]
        shares.insert(1, _range(row["ci_low"], row["ci_high"]) if rule in by_rule else "")
        costs = [number(row["generated_tokens"]), number(row["flops"])]
        costs[:0] = [percent(row["lost"])] * lossy
        table.add_row(searcher, limit, *shares, *(expected_count(row[name]) for name in counts), *costs)
    return table


def uneven(rows: Sequence[Row]) -> bool:
    """Whether some cells have ended on fewer problems than others."""
    return len({row["problems"] for row in rows}) > 1


def expected_count(value: float) -> str:
    """A count, to one decimal where it is an expected one."""
    return number(value) if value == round(value) else f"{value:,.1f}".removesuffix(".0")


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{percent(low)}-{percent(high)}"


# comparisons


def comparisons_table(
    rows: Sequence[Comparison], baseline: str, axis: Axis, n: float | None, rule: str, cells: Cells
) -> Table:
    """A row for each comparison; counts of better and worse problems only where both sides were searched."""
    compute = axis.replace("_", " ")
    against = f"at equal {compute}" if n is None else f"of {n:g}; cost in {compute}"
    title = f"against {baseline} {against}; {rule}; {len(cells.problems)} problems, seed {listed(cells.seeds)}"
    searched = any(row.better is not None for row in rows)
    headings = ["N", "cost", "accuracy %", "difference", "95 % interval", "p", "verdict", "needed"]
    headings[6:6] = ["better/worse"] * searched
    table = new_table(f"{title}; {family(rows)}", "searcher", *headings, left=("verdict",))
    for row in rows:
        cell = [row.cell.searcher, number(row.cell.scale), number(row.cell.cost), percent(row.cell.correct.mean())]
        counts = ["" if row.better is None else f"{row.better}/{row.worse}"] * searched
        if (one := row.difference) is None:
            table.add_row(*cell, "", "", "", *([""] * searched), row.verdict, "")
            continue
        estimate = [percent(one.mean, "+"), spread(one.interval, "+"), f"{row.p_value:.3f}"]
        table.add_row(*cell, *estimate, *counts, row.verdict, "" if one.needed is None else number(one.needed))
    return table


def family(rows: Sequence[Comparison]) -> str:
    """How many comparisons were made, and what that does to the p-values."""
    count = sum(row.difference is not None for row in rows)
    return f"{count} comparison{'s' * (count != 1)}" + ", p adjusted for all of them (Holm)" * (count > 1)


COMPARISON_NOTE = (
    "intervals are not adjusted; needed: with so many problems a difference of that size would be told with "
    "probability 0.8 if it were the only comparison"
)


def needed_words(difference: Difference) -> str:
    """The problems needed to tell a difference of this size, as the end of a sentence."""
    needed = difference.needed
    return "" if needed is None else f"; about {number(needed)} problems would tell a difference of this size"


# estimates


def estimates_table(rows: Sequence[EstimateRow], results: Sequence[Result]) -> Table:
    """A row for each k, in per cent; the CSV file has the intervals as well."""
    cells, n = Cells(results), max(len(result.samples or ()) for result in results)
    title = f"in %, of {n} independent samples of each of {len(cells.problems)} problems, seed {listed(cells.seeds)}"
    if failed := sum(result.error is not None for result in results):
        title += f"; {failed} of {len(results)} searches failed and count as wrong"
    names = list(dict.fromkeys(row.metric for row in rows))
    table = new_table(title, "k", *names)
    by_k = {(row.k, row.metric): row for row in rows}
    for k in dict.fromkeys(row.k for row in rows):
        table.add_row(str(k), *(_with_error(by_k.get((k, name))) for name in names))
    return table


def _with_error(row: EstimateRow | None) -> str:
    if row is None:
        return ""
    return percent(row.mean) + f" ± {percent(row.error)}" * (row.error >= 0.0005)


def write_estimates(rows: Sequence[EstimateRow], path: Path) -> None:
    header = ["k", "figure", "problems", "mean", "ci_low", "ci_high", "subset_error"]
    write_rows(path, header, ([row.k, row.metric, row.problems, row.mean, *row.interval, row.error] for row in rows))
