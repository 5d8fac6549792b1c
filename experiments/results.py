"""One line of results: a problem under a cell, its answers judged. Only here does the gold answer meet a tree."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from experiments.errors import RunError
from experiments.problems import Problem
from experiments.readings import anytime, distinct, is_right, samples, sharing, votes
from experiments.run_folder import RESULTS
from search.scores import Reduction
from search.selection import oracle
from search.solve import Solved

ORACLE = "oracle"


@dataclass(frozen=True)
class Result:
    """`selections` has, by rule, the answer and its correctness: 0 or 1, a mean where answers tie, None without gold.

    A search that failed has an `error`, "Type: message", and nothing that is read off its tree. `distinct` counts
    answers and first steps; `samples` and `sharing` are there where samples are independent and no budget cut them,
    `anytime` where the tree tells of smaller budgets (see readings.py). `smaller` are the numbers of samples that were
    asked for and are read off these. Never written to a file are results read off a larger cell of `estimated_from`
    samples, where correctness and `no_answer` are expected values.
    """

    problem: str
    question: str
    level: str | int | None
    gold: str | None
    cell: dict[str, Any]
    seed: int
    selections: dict[str, dict[str, Any]]
    oracle: float | None
    no_answer: float
    stopped: str | None
    ledger: dict[str, Any]
    error: str | None
    distinct: dict[str, int] | None = None
    samples: list[dict[str, Any]] | None = None
    sharing: dict[str, list[list[int]]] | None = None
    anytime: list[dict[str, Any]] | None = None
    smaller: list[int] | None = None
    estimated_from: int | None = None

    def dumps(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)

    def correct(self, rule: str) -> float | None:
        """Correctness under a rule, or of the oracle; None without gold.

        An error is wrong, and so is a tree that came to its end before the rule had anything to choose from.
        """
        if self.gold is None:
            return None
        if rule == ORACLE:
            return float(self.oracle or 0)
        return self.selections[rule]["correct"] if rule in self.selections else 0.0


def judge(
    solved: Solved,
    problem: Problem,
    cell: dict[str, Any],
    reduction: Reduction | None,
    smaller: Sequence[int] | None = None,
) -> Result:
    """Blocks while answers are compared: call it in a thread."""
    tree, error, read = solved.tree, solved.error, _Read()
    if error is None:
        try:
            read = _read(solved, problem.answer, reduction)
        except Exception as failure:  # one tree that cannot be judged must not end the sweep
            error = failure
    result = Result(
        problem=problem.id,
        question=problem.question,
        level=problem.level,
        gold=problem.answer,
        cell=cell,
        seed=tree.seed,
        no_answer=error is None and all(vote["answer"] is None for vote in read.selections.values()),
        stopped=tree.stopped,
        ledger=tree.ledger.to_json(),
        error=None if error is None else f"{type(error).__name__}: {error}",
        smaller=None if smaller is None else list(smaller),
        **read._asdict(),
    )
    try:
        result.dumps()
        return result
    except ValueError as failure:  # a cost or a score that is no number
        return failed(result, failure)


def failed(result: Result, error: Exception) -> Result:
    """The result of a search that must be counted as failed, though it came to its end."""
    ledger = {name: value if value is None or math.isfinite(value) else None for name, value in result.ledger.items()}
    said = f"{type(error).__name__}: {error}"
    return replace(result, no_answer=False, ledger=ledger, error=said, **_Read()._asdict())


class _Read(NamedTuple):
    """What a result has of a tree; as it is here where the search failed."""

    selections: dict[str, dict[str, Any]] = {}  # noqa: RUF012 # never written to
    oracle: bool | None = None
    distinct: dict[str, int] | None = None
    samples: list[dict[str, Any]] | None = None
    sharing: dict[str, list[list[int]]] | None = None
    anytime: list[dict[str, Any]] | None = None


def _read(solved: Solved, gold: str | None, reduction: Reduction | None) -> _Read:
    tree, searcher = solved.tree, solved.job.searcher
    independent = getattr(searcher, "independent", False) and tree.stopped == "done"
    return _Read(
        selections=votes(tree, gold, reduction),
        oracle=None if gold is None else oracle(tree, lambda answer: is_right(answer, gold)),
        distinct=distinct(tree),
        samples=samples(tree, gold, reduction) if independent else None,
        sharing=sharing(tree) if independent else None,
        anytime=anytime(tree, gold, reduction) if gold is not None and getattr(searcher, "anytime", False) else None,
    )


def correct_by_problem(members: Iterable[Result], rule: str) -> dict[str, float]:
    """Mean correctness of each problem under a rule, over the seeds that it was searched with; problems without gold
    are left out. Figures and their intervals are of problems: seeds of one problem are no further problems.
    """
    found: dict[str, list[float]] = {}
    for member in members:
        if (value := member.correct(rule)) is not None:
            found.setdefault(member.problem, []).append(value)
    return {problem: fmean(found[problem]) for problem in sorted(found)}


def read_results(folder: Path) -> list[Result]:
    """The results of a run. Raises RunError that names file and line."""
    path = folder / RESULTS
    try:
        with path.open(encoding="utf-8") as lines:
            results = list(_parsed(path, lines))
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; run=DIR names the folder of a sweep") from None
    if not results:
        raise RunError(f"{path} holds no result")
    return results


def _parsed(path: Path, lines: Any) -> Iterator[Result]:
    for number, line in enumerate(lines, 1):
        try:
            yield Result(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path}, line {number}: not a result of this version ({error})") from None
