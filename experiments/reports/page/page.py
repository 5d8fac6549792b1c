"""The page of a run: its results, files and trees, summed up, cut into pieces and rendered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from omegaconf import OmegaConf
from rich.console import Console

from experiments.analysis.cells import by_cell, complete, rules_of
from experiments.analysis.curves import SCALE
from experiments.analysis.fewer_samples import with_estimates
from experiments.analysis.summary import summarise
from experiments.errors import RunError
from experiments.reports.page.figures import AXES, RULES, curves, headings, label, tables
from experiments.reports.page.formulas import Pieces
from experiments.reports.page.problems import Cells, all_packed, by_problem, cell_key, line
from experiments.reports.page.render import render
from experiments.reports.page.words import in_words
from experiments.runs.axes import LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.progress import SweepProgress
from experiments.runs.results import Result
from experiments.runs.tree_files import tree_files
from experiments.terminal import number
from search.answers.selection import Rule
from search.tree.scores import Reduction

CONFIG = "config.yaml"


FILES = ("command.json", CONFIG, "versions.json", "inputs.json")


TREELESS = "This sweep kept no tree of this search. A sweep with trees=true keeps them, and its report shows them here."


LEFT_OUT = "This page was made without trees; `stepsearch report` with trees=true puts those that the sweep kept here."


def page(folder: Path, results: Sequence[Result], baseline: str, trees: bool) -> str:
    """HTML. Every cell is in the table and the list; curves and comparisons are over problems that ended in all."""
    everything = with_estimates(results)
    known = {rule for rules in rules_of(everything).values() for rule in rules}
    rules = [rule for rule in RULES if rule in known]
    files = {name: _text(folder / name) for name in FILES}
    chosen, reduction = _selection(files[CONFIG])
    knob = next((name.replace("_", " ") for result in results for name, _ in result.cell.limit), "N")
    compared, nothing = _complete(everything)
    drawn = curves(compared, rules) if compared else {}
    axes = [(axis, _axis_label(axis, knob)) for axis in AXES if _placed(drawn, axis)] or [(SCALE, knob)]
    rows = summarise(everything)
    data, blobs = _problems(results, everything, rules, tree_files(folder) if trees else {}, reduction)
    shared = {"curves": drawn, "axes": axes, "rules": RULES, "scale": knob, "treeless": TREELESS if trees else LEFT_OUT}
    return render(
        {**data, **shared},
        blobs,
        title=folder.resolve().name,
        subtitle=_subtitle(results),
        rules=[(rule, RULES[rule]) for rule in rules],
        rule=chosen if chosen in rules else rules[0],
        axes=axes,
        nothing=nothing,
        caption=_caption(compared),
        comparisons=list(in_words(compared, baseline, rules, knob)),
        headings=headings(rows),
        tables=list(tables(rows, rules)),
        errors=[_error(result, knob) for result in results if result.error is not None],
        searches=len(results),
        files=list(files.items()),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None


def _selection(config: str | None) -> tuple[str, Reduction | None]:
    """The rule and the reduction that the run chose its answers by; the defaults where its config cannot be read."""
    try:
        held: Any = OmegaConf.to_container(OmegaConf.create(config or ""))
        reduction = held["selection"]["reduction"]
        return str(held["selection"]["rule"]).lower(), Reduction(str(reduction).lower()) if reduction else None
    except Exception:  # a folder that was put together by hand, or a config of another version
        return Rule.WEIGHTED.value, None


def _complete(everything: Sequence[Result]) -> tuple[list[Result], str | None]:
    """What can be compared, or why nothing can."""
    try:
        return complete(everything), None
    except RunError as error:
        return [], str(error)


def _placed(drawn: Mapping[str, Any], axis: str) -> bool:
    return any(point["at"][axis] for figure in drawn.values() for line in figure["lines"] for point in line["points"])


def _axis_label(axis: str, knob: str) -> str:
    return knob if axis == SCALE else LABELS[Axis(axis)]


def _problems(
    results: Sequence[Result],
    everything: Sequence[Result],
    rules: list[str],
    files: Mapping[str, Sequence[Path]],
    reduction: Reduction | None,
) -> tuple[dict[str, Any], list[str]]:
    """What the list of problems needs, and a packed text for each of them."""
    grid = {cell_key(members[0].cell): members[0] for members in by_cell(everything).values()}
    cells, pieces, own = Cells(list(grid), rules), Pieces(), by_problem(results)
    lines = [line(members, cells, pieces) for members in by_problem(everything).values()]
    blobs: list[str] = []
    with SweepProgress(len(own), Console(stderr=True), "problems") as progress:
        for blob in all_packed(list(own.values()), cells, files, reduction):
            blobs.append(blob)
            progress.ended(None, False)
    shown = [_cell(key, result) for key, result in grid.items()]
    seeds = sorted({result.seed for result in results})
    return {
        "problems": lines,
        "cells": shown,
        "seeds": seeds,
        "texts": pieces.texts,
        "formulas": pieces.formulas,
    }, blobs


def _cell(key: str, result: Result) -> dict[str, Any]:
    name = result.cell.searcher
    return {
        "key": key,
        "searcher": name,
        "label": label(name),
        "scale": result.scale,
        "greedy": name == GREEDY,
    }


def _subtitle(results: Sequence[Result]) -> str:
    problems, seeds = len({result.problem for result in results}), sorted({result.seed for result in results})
    named = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return f"{problems:,} problem{'s' * (problems != 1)}, {len(results):,} searches, {named}"


def _caption(compared: Sequence[Result]) -> str:
    problems = len({result.problem for result in compared})
    earlier = " Thin lines: what the largest run would have answered, had it ended earlier."
    return (
        f"{problems:,} problem{'s' * (problems != 1)} that ended in every cell. Bands are 95 % intervals, by bootstrap "
        "over problems." + earlier * any(result.anytime for result in compared)
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
