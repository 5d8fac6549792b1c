"""One line of results: a problem under a cell, its answers judged. Only here does the gold answer meet a tree."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.errors import RunError
from experiments.problems import Problem
from experiments.run_folder import RESULTS
from search.equivalence import equivalent
from search.scores import Reduction
from search.selection import Selection, allowed_rules, oracle
from search.solve import Solved
from search.tree import Tree

ORACLE = "oracle"


@dataclass(frozen=True)
class Result:
    """`selections` has, by rule, the answer and its correctness: 0 or 1, a mean where answers tie, None without gold.

    A search that failed has an `error`, "Type: message", and no selections.
    """

    problem: str
    question: str
    level: str | int | None
    gold: str | None
    cell: dict[str, Any]
    seed: int
    selections: dict[str, dict[str, Any]]
    oracle: bool | None
    no_answer: bool
    stopped: str | None
    ledger: dict[str, Any]
    error: str | None

    def dumps(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)

    def correct(self, rule: str) -> float | None:
        """Correctness under a rule, or of the oracle; None without gold.

        An error is wrong, and so is a tree that came to its end before the rule had anything to choose from.
        """
        if self.gold is None:
            return None
        if rule == ORACLE:
            return float(bool(self.oracle))
        return self.selections[rule]["correct"] if rule in self.selections else 0.0


def judge(solved: Solved, problem: Problem, cell: dict[str, Any], reduction: Reduction | None) -> Result:
    """Blocks while answers are compared: call it in a thread."""
    tree, error = solved.tree, solved.error
    selections: dict[str, dict[str, Any]] = {}
    right = None
    if error is None:
        try:
            selections = votes(tree, problem.answer, reduction)
            right = None if problem.answer is None else oracle(tree, lambda answer: _right(answer, problem.answer))
        except Exception as failure:  # one tree that cannot be judged must not end the sweep
            error = failure
    return Result(
        problem=problem.id,
        question=problem.question,
        level=problem.level,
        gold=problem.answer,
        cell=cell,
        seed=tree.seed,
        selections={} if error else selections,
        oracle=None if error else right,
        no_answer=error is None and all(vote["answer"] is None for vote in selections.values()),
        stopped=tree.stopped,
        ledger=tree.ledger.to_json(),
        error=None if error is None else f"{type(error).__name__}: {error}",
    )


def votes(tree: Tree, gold: str | None, reduction: Reduction | None) -> dict[str, dict[str, Any]]:
    """By rule: the answer, and the mean correctness of the answers that share the highest weight."""
    found: dict[str, dict[str, Any]] = {}
    for rule in allowed_rules(tree):
        ballot = Selection(rule, reduction)(tree)
        right = [_right(answer, gold) for answer in ballot.tied]
        correct = None if gold is None else float(np.mean(right)) if right else 0.0
        found[rule.value] = {"answer": ballot.answer, "correct": correct}
    return found


def _right(answer: str, gold: str | None) -> bool:
    return gold is not None and equivalent(answer, gold)


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
