"""One line of results, a problem under a cell, and the file of them."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from search.answers.selection import oracle
from experiments.errors import RunError


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


RESULTS = "results.jsonl"


