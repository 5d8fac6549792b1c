"""Scores saved solutions and saves each result as it arrives."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiments.problems.solution import Solution, as_steps
from experiments.runs.appending import Lines, appending
from search.errors import WorkerDied
from search.protocols import Scorer
from search.tasks import pool
from search.tree.scores import Kind, check_scores

SCORES = "scores.jsonl"


class Scores:
    """The scores of each solution, or its error, by id; saved in a file as they arrive."""

    def __init__(self, file: Path) -> None:
        self.of: dict[str, list[float]] = {}
        self.errors: dict[str, str] = {}
        with appending(file):
            for line in file.read_text("utf-8").splitlines():
                self._take(json.loads(line))

    def add(self, file: Lines, entry: dict[str, Any]) -> None:
        """Saves an entry and counts it. Raises RunError where it cannot be written; it does not count then."""
        file.append(json.dumps(entry, allow_nan=False))
        self._take(entry)

    def take_stored(self, solutions: Iterable[Solution]) -> None:
        """Takes the scores in the solutions' own file, which have been checked."""
        for solution in solutions:
            self._take({"id": solution.id, "scores": list(solution.scores or ())})

    def _take(self, entry: dict[str, Any]) -> None:
        self.errors.pop(entry["id"], None)
        if "error" in entry:
            self.errors[entry["id"]] = entry["error"]
        else:
            self.of[entry["id"]] = entry["scores"]


async def score_all(scorer: Scorer, solutions: Iterable[Solution], concurrency: int, note: Any) -> None:
    """Hands `note` an entry for each solution as it is scored; a failure stays with its solution.

    Raises WorkerDied where the scorer's engine has died, and RunError where `note` cannot write an entry.
    """

    async def one(solution: Solution) -> None:
        try:
            scores = await score(scorer, solution)
        except WorkerDied:
            raise
        except Exception as error:
            note({"id": solution.id, "error": f"{type(error).__name__}: {error}"})
        else:
            note({"id": solution.id, "scores": scores})

    async for _ in pool(map(one, solutions), concurrency):
        pass


async def score(scorer: Scorer, solution: Solution) -> list[float]:
    """One score a step, or the last step's alone for an outcome scorer. Raises ScoreError where scores are invalid."""
    steps = as_steps(solution)
    since = len(steps) - 1 if scorer.kind is Kind.OUTCOME else 0
    scored = await scorer.score(solution.question, steps, since)
    check_scores(scorer.kind, scored.scores, len(steps) - since)
    return list(map(float, scored.scores))
