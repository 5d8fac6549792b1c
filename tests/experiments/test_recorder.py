"""Searches that have ended are graded in threads of their own: then let go; a cancelled sweep keeps them."""

import asyncio
import gc
import json
import threading
import weakref
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from experiments.problems.sets import Problem
from experiments.runs import graded, recorder
from experiments.runs.appending import Lines, appending
from experiments.runs.grid import Budgets, cells, jobs, names
from experiments.runs.progress import SweepProgress
from experiments.runs.results import Result
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import BestOfN, Selection, Solved, Tree
from tests.command_line import RIGHT
from tests.experiments.toy_sweep import sweep


def test_trees_and_results_of_searches_that_have_ended_are_let_go(here: Path, monkeypatch: pytest.MonkeyPatch):
    """However many have ended: those that run, and those that are being judged."""
    trees: list[weakref.ref[Tree]] = []
    results: list[weakref.ref[Result]] = []
    alive: list[int] = []
    judge = graded.judge

    def count(solved: Solved, *args: Any) -> Any:
        trees.append(weakref.ref(solved.tree))
        if len(trees) % 50 == 0:
            gc.collect()  # a tree's nodes know their parents, so nothing less frees them
            alive.append(sum(held() is not None for held in [*trees, *results]))
        result = judge(solved, *args)
        results.append(weakref.ref(result))
        return result

    monkeypatch.setattr(graded, "judge", count)
    gc.freeze()  # what is there already, torch above all, need not be searched each time
    many = [json.dumps({"question": f"q{i}", "answer": RIGHT, "level": 0}) for i in range(150)]
    Path("toy.jsonl").write_text("\n".join(many))
    try:
        assert sweep("searchers=best_of_n", "budgets=2", "concurrency=4") == 0
    finally:
        gc.unfreeze()
    assert len(trees) == 300, "greedy, too"
    assert max(alive) <= 2 * (64 + 2 * 4)


def test_a_cancelled_sweep_keeps_what_ended_while_others_were_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cancelled, judge = threading.Event(), graded.judge

    def slow(*args: Any) -> Any:
        cancelled.wait(10)
        return judge(*args)

    monkeypatch.setattr(recorder, "_JUDGED_AT_ONCE", 1)
    monkeypatch.setattr(graded, "judge", slow)
    problems = [Problem(str(i), f"q{i}", RIGHT) for i in range(5)]
    grid = cells({"best_of_n": BestOfN(1)}, Toy(), [1], Budgets())
    work = jobs(names(problems, grid, [0]), ToyScorer())
    kept = tmp_path / "results.jsonl"

    async def cancel(lines: Lines) -> None:
        progress = SweepProgress(10, Console(file=StringIO()))
        writing = recorder.Recorder(lines, None, Selection(), progress)
        running = asyncio.create_task(writing.run(work, concurrency=64))
        await asyncio.sleep(0.5)
        assert not kept.read_text(), "the first one is still being judged"
        running.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    with appending(kept) as lines:
        asyncio.run(cancel(lines))
    assert len(kept.read_text().splitlines()) == 10, "nine had ended meanwhile"
