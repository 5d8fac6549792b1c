"""Builds the page of a run from its results, files and trees."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from experiments.analysis.cells import Cells
from experiments.analysis.curves import SCALE
from experiments.analysis.endings import by_searcher
from experiments.analysis.left_out import failed_share, left_out
from experiments.analysis.summary import summarise
from experiments.config.registry import stored
from experiments.errors import RunError
from experiments.reports.endings import warnings
from experiments.reports.findings import knob_of
from experiments.reports.looks import label
from experiments.reports.page.figures import AXES, RULES, curves, headings, tables
from experiments.reports.page.formulas import Pieces
from experiments.reports.page.problems import Columns, all_packed, by_problem, cell_key, line
from experiments.reports.page.render import render
from experiments.reports.page.words import in_words
from experiments.runs.axes import LABELS, Axis
from experiments.runs.folder import FILES, config_of, losses_of
from experiments.runs.grid import GREEDY
from experiments.runs.progress import counted
from experiments.runs.results import CellKey, Result
from experiments.runs.tree_files import tree_files
from experiments.terminal import notes, number
from search.answers.answers import DEFAULT, Answers
from search.answers.selection import Rule, Selection
from search.tree.scores import Reduction

TREELESS = (
    "This sweep saved no tree of this search. A sweep with trees=true saves them, and its report shows them here."
)


MANY = 500
"""problems; with fewer, comparisons take a few seconds and their progress is not shown"""


LEFT_OUT = "This page was made without trees; `stepsearch report` with trees=true shows those that the sweep saved."


def page(folder: Path, results: Sequence[Result], baseline: str, trees: bool) -> str:
    """The HTML. Table and list have every cell; curves and comparisons use the problems that ended in all cells."""
    cells = Cells.of(results)
    known = {rule for rules in cells.rules.values() for rule in rules}
    rules = [rule for rule in RULES if rule in known]
    selection = selection_of(folder)
    knob = knob_of(cells)
    complete, nothing = _complete(cells)
    drawn = curves(complete, rules) if complete.results else {}
    axes = [(axis, _axis_label(axis, knob)) for axis in AXES if _placed(drawn, axis)] or [(SCALE, knob)]
    rows = summarise(cells)
    data, blobs = _problems(cells, rules, tree_files(folder) if trees else {}, selection, _answers(folder))
    shared = {"curves": drawn, "axes": axes, "rules": RULES, "scale": knob, "treeless": TREELESS if trees else LEFT_OUT}
    return render(
        {**data, **shared},
        blobs,
        title=folder.resolve().name,
        subtitle=_subtitle(cells),
        rules=[(rule, RULES[rule]) for rule in rules],
        rule=selection.rule.value if selection.rule in rules else rules[0],
        axes=axes,
        nothing=nothing,
        caption=_caption(complete),
        notes=left_out(cells, complete) if complete.results else [],
        comparisons=_words(complete, baseline, rules, knob),
        headings=headings(rows),
        tables=list(tables(rows, rules)),
        warnings=list(warnings(by_searcher(cells.searches), losses_of(folder))),
        errors=[_error(result, knob) for result in cells.searches if result.error is not None],
        searches=len(cells.searches),
        files=[(name, _text(folder / name)) for name in FILES],
    )


def _words(complete: Cells, baseline: str, rules: Sequence[str], knob: str) -> list[dict[str, Any]]:
    """The comparisons, which take most of the time of a page of many problems."""
    groups = in_words(complete, baseline, rules, knob)
    if len(complete.problems) < MANY:
        return list(groups)
    return list(counted(groups, len(rules) * len(AXES), "comparisons", notes()))


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def selection_of(folder: Path) -> Selection:
    """The selection of the run's config; the default one where the config is unknown."""
    knobs = config_of(folder).get("selection")
    try:
        rule, reduction, by = (knobs.get(name) for name in ("rule", "reduction", "by"))  # pyright: ignore
        return Selection(Rule(str(rule).lower()), Reduction(str(reduction).lower()) if reduction else None, by)
    except (AttributeError, ValueError):  # a folder that was put together by hand, or a config of another version
        return Selection()


def _answers(folder: Path) -> Answers:
    """How the run's config reads and compares answers; as by default where it does not say."""
    knobs = config_of(folder)
    if not knobs.get("answer") or not knobs.get("grader"):  # an older run
        return DEFAULT
    return Answers(stored("answer", knobs["answer"]), stored("grader", knobs["grader"]))


def _complete(cells: Cells) -> tuple[Cells, str | None]:
    """The cells that can be compared, or why none can."""
    try:
        return cells.complete(), None
    except RunError as error:
        return Cells([]), str(error)


def _placed(drawn: Mapping[str, Any], axis: str) -> bool:
    return any(point["at"][axis] for curve in drawn.values() for line in curve["lines"] for point in line["points"])


def _axis_label(axis: str, knob: str) -> str:
    return knob if axis == SCALE else LABELS[Axis(axis)]


def _problems(
    cells: Cells, rules: list[str], files: Mapping[str, Sequence[Path]], selection: Selection, answers: Answers
) -> tuple[dict[str, Any], list[str]]:
    """The data of the list of problems, and a packed text for each of them."""
    columns, pieces = Columns([cell_key(key) for key in cells.by_key], rules), Pieces()
    lines = [line(members, columns, pieces) for members in by_problem(cells.results).values()]
    searches = list(by_problem(cells.searches).values())
    blobs = list(counted(all_packed(searches, columns, files, selection, answers), len(searches), "problems", notes()))
    return {
        "problems": lines,
        "cells": [_cell(key) for key in cells.by_key],
        "seeds": cells.seeds,
        "texts": pieces.texts,
        "answers": pieces.answers,
        "formulas": pieces.formulas,
    }, blobs


def _cell(key: CellKey) -> dict[str, Any]:
    return {
        "key": cell_key(key),
        "searcher": key.searcher,
        "label": label(key.searcher),
        "scale": key.scale,
        "greedy": key.searcher == GREEDY,
    }


def _subtitle(cells: Cells) -> str:
    problems, seeds = len(cells.problems), cells.seeds
    named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return f"{problems:,} problem{'s' * (problems != 1)}, {len(cells.searches):,} searches, {named}"


def _caption(cells: Cells) -> str:
    problems = len(cells.problems)
    earlier = (
        " Thin lines: accuracy if the largest run had been cut earlier; a cut search completes nothing, and with "
        "several requests in flight the lines are approximate."
    )
    failed = f" {failed_share(cells)}." if failed_share(cells) else ""
    return (
        f"{problems:,} problem{'s' * (problems != 1)} that ended in every cell. Bands are 95 % intervals (Wilson) "
        "over problems." + failed + earlier * any(result.anytime for result in cells.results)
    )


def _error(result: Result, knob: str) -> dict[str, Any]:
    key = cell_key(result.cell)
    size = "" if result.cell.searcher == GREEDY else f", {knob} = {number(result.scale)}"
    return {
        "problem": result.problem,
        "cell": label(result.cell.searcher) + size,
        "seed": result.seed,
        "message": result.error,
        "link": urlencode({"problem": result.problem, "cell": key, "seed": result.seed}, errors="replace"),
    }
