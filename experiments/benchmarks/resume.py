"""Kills a sweep with `kill -9`, goes on with it, and holds the result against a sweep that was never killed.

    make resume-check
    make resume-check ARGS="problems=2 seeds=[0] kills=2"
    make resume-check ARGS="bigbench=multistep_arithmetic.jsonl words=[policy=vllm,scorer.engine=vllm]"

Two sweeps of all four searchers over the same problems: `problems` shipped ones, and as many of BIG-bench's where its
file is given. One is killed `kills` times on the way. What had been written before a kill must be there afterwards byte
for byte, every search once, and the accuracy of every cell within the other sweep's interval, or the other way round.
Then the same on a few problems with the small models made deterministic: the two tables must be equal but for seconds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.analysis.cells import by_cell
from experiments.analysis.summary import summarise
from experiments.config.schema import from_overrides
from experiments.problems.sets import Arithmetic
from experiments.runs.results import RESULTS, read_results

DETERMINISTIC = ("policy.deterministic=true", "scorer.deterministic=true", "search.mcts.in_flight=1", "concurrency=1")


@dataclass(frozen=True)
class Knobs:
    problems: int = 40
    bigbench: str | None = None
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    budgets: list[int] = field(default_factory=lambda: [1, 4, 16])
    kills: int = 3
    deterministic: int = 2  # problems of the second part
    words: list[str] = field(default_factory=list)  # more of the first part's sweeps
    out: str = "runs/resume-check"


def main() -> int:
    knobs = from_overrides(Knobs)
    out = Path(knobs.out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    problems = write_problems(knobs, out / "problems.jsonl")
    words = [f"problems.path={problems}", f"seeds={knobs.seeds}", f"budgets={knobs.budgets}"]
    grid = 2 + 3 * len(knobs.budgets)  # greedy, Best-of-N's largest, and the others at every budget
    count = len(problems.read_text().splitlines())
    total = count * (1 + (grid - 1) * len(knobs.seeds))
    broken, whole = sweeps([*words, *knobs.words], out, "", total, knobs.kills)
    wrong = [*lines_of(broken, total), *outside(broken, whole)]

    few = [f"problems.limit={knobs.deterministic}", "budgets=[1,4]", "seeds=[0]", *DETERMINISTIC]
    total = knobs.deterministic * (2 + 3 * 2)
    broken, whole = sweeps([*words, *few], out, "-deterministic", total, 2)
    wrong += lines_of(broken, total)
    if timeless(broken) != timeless(whole):
        wrong.append(f"{broken} and {whole} differ, although both are deterministic")
    print("\n".join(wrong) or "nothing was lost")
    return int(bool(wrong))


def write_problems(knobs: Knobs, path: Path) -> Path:
    rows = [{"question": p.question, "answer": p.answer, "id": p.id} for p in Arithmetic(limit=knobs.problems).load()]
    if knobs.bigbench:
        lines = Path(knobs.bigbench).expanduser().read_text("utf-8").splitlines()[: knobs.problems]
        for number, line in enumerate(map(json.loads, lines)):
            rows.append({"question": line["input"], "answer": line["target"], "id": f"bigbench-{number}"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def sweeps(words: Sequence[str], out: Path, name: str, total: int, kills: int) -> tuple[Path, Path]:
    """The folder of a sweep that was killed on the way, and that of one that was not. Raises RuntimeError."""
    broken, whole = out / f"broken{name}", out / f"whole{name}"
    kept = b""
    for kill in range(kills):
        kept = killed([] if kill else words, broken, total * (kill + 1) // (kills + 1), kept)
    run([], broken)
    if not (broken / RESULTS).read_bytes().startswith(kept):
        raise RuntimeError(f"{broken}: what had been written before a kill has changed")
    run(words, whole)
    return broken, whole


def killed(words: Sequence[str], folder: Path, after: int, kept: bytes) -> bytes:
    """Runs a sweep until so many results are there, kills it, and returns its whole lines. Raises RuntimeError."""
    process, results = subprocess.Popen(command(words, folder), start_new_session=True), folder / RESULTS
    while process.poll() is None and (not results.exists() or results.read_bytes().count(b"\n") < after):
        time.sleep(0.2)
    if process.poll() is not None:
        raise RuntimeError(f"{folder}: the sweep ended, exit code {process.returncode}, before it could be killed")
    os.killpg(process.pid, signal.SIGKILL)  # the processes of an engine, too
    process.wait()
    found = results.read_bytes()
    found = found[: found.rfind(b"\n") + 1]
    print(f"killed with {found.count(bytes([10]))} results", flush=True)
    if not found.startswith(kept):
        raise RuntimeError(f"{folder}: what had been written before a kill has changed")
    return found


def run(words: Sequence[str], folder: Path) -> None:
    if subprocess.run(command(words, folder)).returncode:
        raise RuntimeError(f"{folder}: the sweep failed")


def command(words: Sequence[str], folder: Path) -> list[str]:
    """Begins a sweep, or goes on with it where no words are given."""
    begin = ["problems=jsonl", "problems.id=id", *words, f"out={folder}"]
    return [sys.executable, "-m", "experiments.cli", "sweep", *(begin if words else [f"run={folder}"])]


def lines_of(folder: Path, total: int) -> list[str]:
    counts = Counter((r.problem, json.dumps(r.cell, sort_keys=True), r.seed) for r in read_results(folder))
    twice = sum(count > 1 for count in counts.values())
    said = f"{folder}: {len(counts)} of {total} searches are there, {twice} of them more than once"
    return [said] if twice or len(counts) != total else []


def outside(broken: Path, whole: Path) -> list[str]:
    """The cells whose accuracy lies outside of the other sweep's interval, by both."""
    ours, theirs = (
        {(r["searcher"], r["n"], r["selection"]): r for r in summarise(read_results(f))} for f in (broken, whole)
    )
    wrong: list[str] = []
    for cell, row in ours.items():
        other = theirs[cell]
        within = [a["ci_low"] <= b["accuracy"] <= a["ci_high"] for a, b in ((row, other), (other, row))]
        if not any(within):
            wrong.append(f"{cell}: {row['accuracy']:.3f} in {broken}, {other['accuracy']:.3f} in {whole}")
    return wrong


def timeless(folder: Path) -> dict[Any, list[dict[str, Any]]]:
    found: dict[Any, list[dict[str, Any]]] = {}
    for cell, members in by_cell(read_results(folder)).items():
        rows = [json.loads(member.dumps()) for member in sorted(members, key=lambda r: (r.problem, r.seed))]
        for row in rows:
            row["ledger"].pop("seconds")
        found[cell] = rows
    return found


if __name__ == "__main__":
    sys.exit(main())
