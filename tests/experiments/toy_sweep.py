"""Sweeps of the toy world over five problems, toy.jsonl in the working folder."""

import csv
import json
from pathlib import Path
from typing import Any

from tests.command_line import RIGHT, TOY, result_lines, run

QUESTIONS = ["q0", "q1", "hated q2", "q3", "q4"]


def write_problems(folder: Path) -> None:
    rows = [{"question": q, "answer": RIGHT, "level": place % 2} for place, q in enumerate(QUESTIONS)]
    (folder / "toy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def sweep(*words: str, out: str = "run") -> int:
    return run("sweep", *TOY, "problems=jsonl", "problems.path=toy.jsonl", "problems.level=level", f"out={out}", *words)


def lines(out: str = "run") -> list[dict[str, Any]]:
    return [json.loads(line) for line in result_lines(Path(out))]


def timeless(out: str = "run") -> list[dict[str, Any]]:
    """All results but their seconds, in one order: which search ends first is not promised."""
    results = lines(out)
    for result in results:
        result["ledger"].pop("seconds")
    return sorted(results, key=lambda result: (result["problem"], json.dumps(result["cell"]), result["seed"]))


def summary(out: str = "run") -> list[dict[str, str]]:
    with Path(out, "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def where(rows: list[dict[str, str]], **values: object) -> list[dict[str, str]]:
    return [row for row in rows if all(row[name] == str(value) for name, value in values.items())]
