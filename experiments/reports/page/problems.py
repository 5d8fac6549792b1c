"""The problems of a run as page data: a row each for the list, and the packed details of each."""

import base64
import gzip
import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from experiments.reports.page.formulas import Pieces
from experiments.reports.page.trees import tree_data
from experiments.runs.results import ORACLE, CellKey, Result
from experiments.runs.tree_files import tree_name
from search.answers.answers import Answers
from search.answers.selection import Selection
from search.tree import Tree

_FIELDS = ("seed", "selections", "oracle", "stopped", "error", "ledger", "distinct")  # of a result that the page has


_FEW = 40  # below this number of problems, one process is faster than several


class Columns(NamedTuple):
    """The keys of a run's cells, in order, and the rules whose answers the page has."""

    keys: list[str]
    rules: list[str]


def cell_key(cell: CellKey) -> str:
    """A cell's name in a URL: `mcts-16`, `mcts-16-generated_tokens-500`."""
    return "-".join([cell.searcher, str(cell.n), *(f"{name}-{value:g}" for name, value in cell.limit)])


def by_problem(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each problem, in natural order of the ids (p2 before p10)."""
    problems: dict[str, list[Result]] = {}
    for result in results:
        problems.setdefault(result.problem, []).append(result)
    return dict(sorted(problems.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,18})", name)]


def line(members: Sequence[Result], columns: Columns, pieces: Pieces) -> dict[str, Any]:
    """A problem's row in the list. `correct` has, by rule and cell, the mean over seeds (None: not known or not run);
    `failed` the cells of which some search failed, `silent` those without an answer.
    """
    by_cell: dict[str, list[Result]] = {}
    for result in members:
        by_cell.setdefault(cell_key(result.cell), []).append(result)
    first = members[0]
    pieces.answer(first.gold)
    return {
        "id": first.problem,
        "question": pieces(first.question),
        "plain": first.question,
        "level": first.level,
        "gold": first.gold,
        "correct": {rule: [_mean(by_cell.get(key, ()), rule) for key in columns.keys] for rule in columns.rules},
        "failed": [i for i, key in enumerate(columns.keys) if any(r.error is not None for r in by_cell.get(key, ()))],
        "silent": [i for i, key in enumerate(columns.keys) if any(r.no_answer for r in by_cell.get(key, ()))],
    }


def _mean(members: Sequence[Result], rule: str) -> float | None:
    searched = [r for r in members if rule == ORACLE or rule in r.selections or r.error is not None or r.no_answer]
    known = [value for result in searched if (value := result.correct(rule)) is not None]
    return round(sum(known) / len(known), 3) if known else None


def details(
    members: Sequence[Result],
    files: Mapping[str, Sequence[Path]],
    columns: Columns,
    selection: Selection,
    answers: Answers,
) -> dict[str, Any]:
    """A problem's searches, with their trees where `files` has them."""
    pieces = Pieces()
    for answer in {chosen.answer for result in members for chosen in result.selections.values()}:
        pieces.answer(answer)
    searches = [
        {
            "cell": columns.keys.index(cell_key(result.cell)),
            **{name: row[name] for name in _FIELDS},
            **_tree(result, files, selection, answers, pieces),
        }
        for result, row in ((result, result.to_json()) for result in members)
    ]
    return {"searches": searches, "texts": pieces.texts, "answers": pieces.answers, "formulas": pieces.formulas}


def _tree(
    result: Result, files: Mapping[str, Sequence[Path]], selection: Selection, answers: Answers, pieces: Pieces
) -> dict[str, Any]:
    """{"tree": ...}, or {"unread": why} for an unreadable file: one broken tree must not end a report."""
    for path in files.get(tree_name(result.key), ()):
        try:
            tree = Tree.loads(path.read_text("utf-8"))
            if tree.question == result.question:
                tree.answers = answers
                return {"tree": tree_data(tree, result.gold, selection, pieces)}
        except Exception as error:
            return {"unread": f"{path.name} cannot be shown ({type(error).__name__}: {error})"}
    return {}


def all_packed(
    problems: Sequence[Sequence[Result]],
    columns: Columns,
    files: Mapping[str, Sequence[Path]],
    selection: Selection,
    answers: Answers,
) -> Iterator[str]:
    """The packed details of each problem, in order; many problems are distributed over processes."""
    if len(problems) < _FEW or not files:
        yield from (packed(members, files, columns, selection, answers) for members in problems)
        return
    pool = ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_leave_interrupts_to_the_parent)
    try:
        work = partial(packed, columns=columns, selection=selection, answers=answers)
        yield from pool.map(work, problems, [_own(members, files) for members in problems], chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _own(members: Sequence[Result], files: Mapping[str, Sequence[Path]]) -> dict[str, Sequence[Path]]:
    names = [tree_name(result.key) for result in members]
    return {name: files[name] for name in names if name in files}


def packed(
    members: Sequence[Result],
    files: Mapping[str, Sequence[Path]],
    columns: Columns,
    selection: Selection,
    answers: Answers,
) -> str:
    """A problem's details as JSON, gzipped, in base64; the page unpacks it when the problem is opened."""
    text = json.dumps(details(members, files, columns, selection, answers), separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
