"""Results of a sweep made by hand, and the folder that holds them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.runs.results import RESULTS, Result

PROBLEMS = 12


def result(problem: int, searcher: str, n: int, correct: float, tokens: float, **changes: Any) -> Result:
    """A search of problem p0, p1, ...: `correct` by the scores, wrong by the majority, at 3 GFLOPs a token."""
    votes = {rule: {"answer": "1", "correct": correct} for rule in ("best", "weighted")}
    votes["majority"] = {"answer": "2", "correct": 0.0}
    if searcher == "particle_filter":
        votes["particle"] = {"answer": "1", "correct": correct}
    ledger = {"generated_tokens": tokens, "flops": tokens * 3e9, "seconds": 1.0}
    cell = {"searcher": searcher, "n": n, "budget": {}}
    plain = Result(f"p{problem}", "q", 1, "1", cell, 0, votes, correct > 0, False, "done", ledger, None)
    return replace(plain, **changes)


def wrong(one: Result, **changes: Any) -> Result:
    """The same search with wrong answers."""
    return replace(one, selections={r: {"answer": "0", "correct": 0.0} for r in one.selections}, oracle=0, **changes)


def costs(one: Result, **known: float | None) -> Result:
    """The same search with other costs in its ledger."""
    return replace(one, ledger={**one.ledger, **known})


def sampled(problem: int, rate: float, seed: int = 1) -> Result:
    """Best-of-10 with its samples, of which the share `rate` is right."""
    rights = [place < 10 * rate for place in range(10)]
    samples = [{"answer": "1", "group": 0, "right": right, "score": 1.0, "weight": 1.0} for right in rights]
    return result(problem, "best_of_n", 10, rate, 100, samples=samples, seed=seed)


def write_results(folder: Path, results: Iterable[Result]) -> Path:
    """The folder, made where it is missing, with these results."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULTS).write_text("".join(one.dumps() + "\n" for one in results))
    return folder
