"""Results of a sweep made by hand, and the folder that holds them."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.runs.results import RESULTS, Answer, CellKey, Result, Sample
from search import Ledger

PROBLEMS = 12


def result(problem: int, searcher: str, n: int, correct: float, tokens: float, **changes: Any) -> Result:
    """A search of problem p0, p1, ...: `correct` by the scores, wrong by the majority, at 3 GFLOPs a token."""
    votes = {rule: Answer("1", correct) for rule in ("best", "weighted")}
    votes["majority"] = Answer("2", 0.0)
    if searcher == "particle_filter":
        votes["particle"] = Answer("1", correct)
    ledger = Ledger(generated_tokens=int(tokens), flops=tokens * 3e9, seconds=1.0)
    plain = Result(f"p{problem}", "q", 1, "1", CellKey(searcher, n), 0, votes, correct > 0, False, "done", ledger, None)
    return replace(plain, **changes)


def wrong(one: Result, **changes: Any) -> Result:
    """The same search with wrong answers."""
    return replace(one, selections={r: Answer("0", 0.0) for r in one.selections}, oracle=0, **changes)


def costs(one: Result, **known: Any) -> Result:
    """The same search with other costs in its ledger."""
    return replace(one, ledger=one.ledger._replace(**known))


def sampled(problem: int, rate: float, seed: int = 1) -> Result:
    """Best-of-10 with its samples, of which the share `rate` is right."""
    rights = [place < 10 * rate for place in range(10)]
    samples = [Sample("1", 0, right, 1.0, 1.0) for right in rights]
    return result(problem, "best_of_n", 10, rate, 100, samples=samples, seed=seed)


def write_results(folder: Path, results: Iterable[Result]) -> Path:
    """The folder, made where it is missing, with these results."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULTS).write_text("".join(one.dumps() + "\n" for one in results))
    return folder


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("\n".join(map(json.dumps, rows)))
    return path
