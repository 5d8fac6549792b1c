"""The curves and tables of a page, by selection rule, as data for its scripts and templates."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from experiments.analysis.cells import Cells
from experiments.analysis.curves import SCALE, Line, Point, chart, greedy_accuracy, place_on, points
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.summary import Row
from experiments.errors import RunError
from experiments.reports.looks import Look, label, looks
from experiments.reports.tables import expected_count, spread, uneven
from experiments.runs.axes import AXIS_COST, LABELS
from experiments.runs.results import ORACLE
from experiments.terminal import number, percent
from search.answers.selection import Rule
from search.tree.cost import Ledger

AXES = [*map(str, AXIS_COST), SCALE]


RULES = {**RULE_NAMES, ORACLE: f"{RULE_NAMES[ORACLE]} (some answer is right)"}


_MARKERS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "X": "x"}


_WIDTH = 2.4  # line width in pixels, the unit of matplotlib's dashes


def curves(cells: Cells, rules: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The curves by rule; a rule that no searcher allows is left out. `cells` are complete."""
    by_rule: dict[str, dict[str, Any]] = {}
    for rule in rules:
        if rule == ORACLE:
            places = [place_on(axis) for axis in AXES]
            lines = [Line(name, points(cells, name, ORACLE, places)) for name in cells.searchers]
            by_rule[rule] = _drawn(lines, greedy=greedy_accuracy(cells, ORACLE))
            continue
        try:
            drawn = chart(cells, Rule(rule), AXES)
        except RunError:
            continue
        by_rule[rule] = _drawn(drawn.lines, drawn.earlier, drawn.references, drawn.greedy)
    return by_rule


def _drawn(
    lines: Iterable[Line], earlier: Iterable[Line] = (), references: Iterable[Line] = (), greedy: float | None = None
) -> dict[str, Any]:
    lines, references = list(lines), [line for line in references if line.points]
    look = looks([line.name for line in (*lines, *references)])
    return {
        "lines": [_line(line, look[line.name]) for line in lines],
        "earlier": [_line(line, look[line.name]) for line in earlier],
        "references": [_line(line, look[line.name]) for line in references],
        "greedy": greedy,
    }


def _line(line: Line, look: Look) -> dict[str, Any]:
    dash = "solid" if look.dashes == "-" else ",".join(f"{_WIDTH * part:.0f}px" for part in look.dashes[1])
    marker = _MARKERS.get(look.marker)
    drawn = {"label": look.label, "colour": look.colour, "dash": dash, "marker": marker}
    return {"name": line.name, "look": drawn, "points": [_point(point) for point in line.points]}


def _point(point: Point) -> dict[str, Any]:
    at = dict(zip(AXES, point.places, strict=True))
    return {
        "at": at,
        "scale": at[SCALE],
        "accuracy": point.accuracy,
        "low": point.low,
        "high": point.high,
    }


def headings(rows: Sequence[Row]) -> list[str]:
    swept = any(name.startswith("budget_") for row in rows for name in row)
    costs = [text.partition(",")[0] for text in LABELS.values()]
    return ["budget" if swept else "N", "accuracy", "interval", "pass@N", *_counts(rows).values(), *costs]


def _counts(rows: Sequence[Row]) -> dict[str, str]:
    """The counts that some row has, with their headings."""
    names = {"no_answer": "no answer", "errors": "errors", "distinct_answers": "distinct answers"}
    shown = {name: heading for name, heading in names.items() if any(row[name] for row in rows)}
    return {"problems": "problems", **shown} if uneven(rows) else shown


def tables(rows: Sequence[Row], rules: Sequence[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """By rule, the rows of `summarise` as strings, in the order of `headings`."""
    best = {_cell(row): row["accuracy"] for row in rows if row["selection"] == ORACLE}
    for rule in rules:
        table: list[dict[str, Any]] = []
        before = None
        for row in (row for row in rows if row["selection"] == rule):
            texts = [_scale(row), percent(row["accuracy"]), _interval(row), percent(best.get(_cell(row)))]
            counts = [_count(name, row[name]) for name in _counts(rows)]
            costs = [_known(cost(_ledger(row))) for cost in AXIS_COST.values()]
            table.append(
                {"label": label(row["searcher"]), "first": row["searcher"] != before, "cells": texts + counts + costs}
            )
            before = row["searcher"]
        yield rule, table


def _cell(row: Row) -> tuple[Any, ...]:
    return row["searcher"], row["n"], *(value for name, value in row.items() if name.startswith("budget_"))


def _ledger(row: Row) -> Ledger:
    """The mean costs of a row; what it does not hold is unknown."""
    return Ledger._make(map(row.get, Ledger._fields))


def _scale(row: Row) -> str:
    return number(next((value for name, value in row.items() if name.startswith("budget_")), row["n"]))


def _known(value: float | None) -> str:
    return "–" if value is None else number(value)


def _count(name: str, value: float | None) -> str:
    """Searches as a count, different answers as a mean."""
    return _known(value) if value is None or name.startswith("distinct") else expected_count(value)


def _interval(row: Row) -> str:
    return "–" if row["ci_low"] is None else spread((row["ci_low"], row["ci_high"]))
