"""`stepsearch sweep` on the toy world: results, summary, cells, errors, Ctrl-C, repetition."""

import asyncio
import csv
import gc
import json
import signal
import sys
import threading
import weakref
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from experiments.analysis.summary import COLUMNS
from experiments.analysis.uncertainty import interval
from experiments.problems.sets import Problem
from experiments.runs import recorder
from experiments.runs.appending import Lines, appending
from experiments.runs.fingerprints import fingerprint
from experiments.runs.grid import Budgets, cells, jobs, names
from experiments.runs.progress import SweepProgress
from experiments.runs.results import Result, read_results
from policies.hf import HF
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, BestOfN, Selection, Solved, Tree
from tests.command_line import RIGHT, TOY, result_lines, run, stopped

QUESTIONS = ["q0", "q1", "hated q2", "q3", "q4"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with five problems."""
    lines = [json.dumps({"question": q, "answer": RIGHT, "level": place % 2}) for place, q in enumerate(QUESTIONS)]
    (tmp_path / "toy.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def sweep(*words: str, out: str = "run") -> int:
    return run("sweep", *TOY, "problems=jsonl", "problems.path=toy.jsonl", "problems.level=level", f"out={out}", *words)


def lines(out: str = "run") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(out, "results.jsonl").read_text().splitlines()]


def summary(out: str = "run") -> list[dict[str, str]]:
    with Path(out, "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def where(rows: list[dict[str, str]], **values: object) -> list[dict[str, str]]:
    return [row for row in rows if all(row[name] == str(value) for name, value in values.items())]


# what is written


def test_a_sweep_writes_a_line_for_each_problem_and_cell(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1,4]", "trees=true") == 0
    found = {(row["problem"], row["cell"]["searcher"], row["cell"]["n"]) for row in lines()}
    grid = {("greedy", 1), ("best_of_n", 4)} | {(s, n) for s in ("beam", "mcts", "particle_filter") for n in (1, 4)}
    assert found == {(f"jsonl-{i + 1}", *cell) for i in range(5) for cell in grid} and len(lines()) == 40
    first = next(row for row in lines() if row["cell"] == {"searcher": "particle_filter", "n": 4, "budget": {}})
    assert set(first["selections"]) == {"best", "majority", "weighted", "particle"}
    assert first["gold"] == RIGHT and first["level"] in (0, 1) and first["seed"] == 0 and first["error"] is None
    assert first["ledger"]["generated_tokens"] == 16 and first["stopped"] == "done"
    assert {path.name for path in Path("run").iterdir()} == {
        "command.json", "config.yaml", "inputs.json", "versions.json",
        "results.jsonl", "summary.csv", "trees", "curves.png", "curves.svg",
    }  # fmt: skip
    assert len(list(Path("run/trees").iterdir())) == 40
    assert Tree.loads(next(Path("run/trees").glob("00002-*.beam-4.seed-0.json")).read_text()).question == "hated q2"
    assert "run/curves.png" in capsys.readouterr().out
    assert "searchers:" in Path("run/config.yaml").read_text()
    assert json.loads(Path("run/versions.json").read_text())["torch"]


def test_the_summary_is_what_the_results_say(here: Path):
    assert sweep("budgets=[1,4]", "searchers=[best_of_n,particle_filter]", "scorer.error=1") == 0
    rows = [row for row in summary() if (row["searcher"], row["n"]) != ("best_of_n", "1")]  # read off its 4
    assert list(rows[0]) == COLUMNS
    assert {row["selection"] for row in where(rows, searcher="best_of_n")} == {"best", "majority", "weighted", "oracle"}
    assert len(where(rows, searcher="particle_filter", selection="particle")) == 2
    for row in rows:
        cell = {"searcher": row["searcher"], "n": int(row["n"]), "budget": {}}
        members = [line for line in lines() if line["cell"] == cell]
        rule = row["selection"]
        right = [float(m["oracle"]) if rule == "oracle" else m["selections"][rule]["correct"] for m in members]
        assert float(row["accuracy"]) == pytest.approx(np.mean(right)) and int(row["problems"]) == 5
        assert (float(row["ci_low"]), float(row["ci_high"])) == pytest.approx(interval(right))
        for cost in ("generated_tokens", "unique_tokens", "flops", "policy_calls"):
            assert float(row[cost]) == pytest.approx(np.mean([m["ledger"][cost] for m in members]))


def test_the_bootstrap_has_the_binomial_width():
    """Mean of 200 zeros and 200 ones: sd of the mean 0.025, so 0.5 -+ 0.049; 10,000 resamples leave about 0.001."""
    low, high = interval([0.0, 1.0] * 200)
    assert low == pytest.approx(0.451, abs=0.004) and high == pytest.approx(0.549, abs=0.004)
    assert interval([1.0]) == (1.0, 1.0)


def test_a_repeated_sweep_is_equal_but_for_seconds(here: Path):
    for out in ("one", "two"):
        assert sweep("budgets=[4]", "scorer.error=1", "seeds=[5]", out=out) == 0

    def timeless(out: str) -> dict[str, Any]:
        rows = {json.dumps([row["problem"], row["cell"]]): row for row in lines(out)}
        return {key: {**row, "ledger": {**row["ledger"], "seconds": 0}} for key, row in rows.items()}

    assert timeless("one") == timeless("two") != {}


def test_a_folder_with_results_is_left_alone(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1]", "searchers=[beam]") == 0
    before = Path("run/results.jsonl").read_text()
    capsys.readouterr()
    assert sweep("budgets=[1]") == 2
    assert "out=run holds the results of another run" in capsys.readouterr().err
    assert Path("run/results.jsonl").read_text() == before


# cells


def test_the_greedy_cell_is_one_solution_at_temperature_zero():
    policy = HF(temperature=0.7)
    greedy, *rest = cells({"mcts": MCTS(branch=2)}, policy, [1, 16], Budgets())
    assert (greedy.searcher, greedy.n, greedy.search) == ("greedy", 1, BestOfN(1))
    assert greedy.policy == HF(temperature=0.0) and {id(cell.policy) for cell in rest} == {id(policy)}
    assert [cell.search for cell in rest] == [MCTS(simulations=1, branch=2), MCTS(simulations=16, branch=2)]


def test_a_swept_limit_leaves_the_scale_as_it_is(here: Path):
    assert (
        sweep("budget.generated_tokens=[4,40]", "budget.samples=9", "searchers=[mcts]", "search.mcts.in_flight=1") == 0
    )
    found = {json.dumps(row["cell"]) for row in lines()}
    limits = [{"searcher": "mcts", "n": 16, "budget": {"generated_tokens": limit}} for limit in (4, 40)]
    assert found == {json.dumps(c) for c in [{"searcher": "greedy", "n": 1, "budget": {}}, *limits]}
    rows = where(summary(), searcher="mcts", selection="best")
    assert [row["budget_generated_tokens"] for row in rows] == ["4", "40"]
    assert float(rows[0]["generated_tokens"]) < float(rows[1]["generated_tokens"])
    assert int(rows[0]["no_answer"]) == 5 and float(rows[0]["accuracy"]) == 0


def test_a_searcher_of_ones_own_takes_part(here: Path):
    words = ["searchers=[custom,beam]", "search.custom.cls=search:BestOfN", "budgets=[4]"]
    assert sweep(*words) == 0
    assert {row["cell"]["searcher"] for row in lines()} == {"greedy", "custom", "beam"}


def test_without_gold_answers_accuracy_is_unknown(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1]", "searchers=[beam]", "problems.answer=null") == 0
    assert {row["accuracy"] for row in summary()} == {""}
    assert "no curves: no problem with a gold answer" in capsys.readouterr().out


# failures


def test_a_failure_stays_with_its_problem(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=hated", "budgets=[4]"]
    assert sweep(*words, "searchers=[best_of_n,beam]") == 0
    failed = [row for row in lines() if row["error"]]
    assert {row["question"] for row in failed} == {"hated q2"} and len(failed) == 3
    assert {row["stopped"] for row in failed} == {"error"} and all(row["selections"] == {} for row in failed)
    assert all("I cannot [bold]stand[/bold] this one" in row["error"] for row in failed)
    for row in summary():
        assert (row["problems"], row["errors"]) == ("5", "1") and float(row["accuracy"]) <= 0.8
    out = capsys.readouterr().out
    assert "3 of 15 searches failed" in out and "[bold]stand[/bold]" in out
    assert {result.correct("best") for result in read_results(Path("run")) if result.error} == {0.0}


def test_trees_and_results_of_searches_that_have_ended_are_let_go(here: Path, monkeypatch: pytest.MonkeyPatch):
    """However many have ended: those that run, and those that are being judged."""
    trees: list[weakref.ref[Tree]] = []
    results: list[weakref.ref[Result]] = []
    alive: list[int] = []
    judge = recorder.judge

    def count(solved: Solved, *args: Any) -> Any:
        trees.append(weakref.ref(solved.tree))
        if len(trees) % 50 == 0:
            gc.collect()  # a tree's nodes know their parents, so nothing less frees them
            alive.append(sum(held() is not None for held in [*trees, *results]))
        result = judge(solved, *args)
        results.append(weakref.ref(result))
        return result

    monkeypatch.setattr(recorder, "judge", count)
    many = [json.dumps({"question": f"q{i}", "answer": RIGHT, "level": 0}) for i in range(150)]
    Path("toy.jsonl").write_text("\n".join(many))
    assert sweep("searchers=[best_of_n]", "budgets=[2]", "concurrency=4") == 0
    assert len(trees) == 300, "greedy, too"
    assert max(alive) <= 2 * (64 + 2 * 4)


def test_a_cancelled_sweep_keeps_what_ended_while_others_were_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cancelled, judge = threading.Event(), recorder.judge

    def slow(*args: Any) -> Any:
        cancelled.wait(10)
        return judge(*args)

    monkeypatch.setattr(recorder, "_JUDGED_AT_ONCE", 1)
    monkeypatch.setattr(recorder, "judge", slow)
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


def test_a_dead_engine_is_told_once_and_what_has_ended_is_kept(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Mortal", "concurrency=2"]
    assert sweep(*words, "budgets=[1]", "searchers=[beam,best_of_n]") == 1
    told = capsys.readouterr().err
    assert told.count("the engine has ended. Its log:\nlast words: ") == 1
    assert 1 <= len(lines()) < 15
    assert f"{len(lines())} of 15 searches had ended and are kept" in told
    assert not any(line["error"] for line in lines())


def test_where_all_fail_the_exit_code_says_so(here: Path):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=q"]
    assert sweep(*words, "budgets=[1]", "searchers=[beam]") == 1


def test_what_cannot_work_fails_before_anything_runs(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Ranking", "scorer.args.hated=x", "selection=best"]
    assert sweep(*words) == 2
    assert "particle_filter: a particle filter cannot use scores of kind ranking" in capsys.readouterr().err
    assert sweep("policy=hf", "policy.model=./no_model_here") == 2
    assert "no_model_here" in capsys.readouterr().err
    assert not Path("run").exists()


def _without_seconds(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In one order: which search ends first is not promised."""
    for result in results:
        result["ledger"].pop("seconds")
    return sorted(results, key=lambda result: (result["problem"], json.dumps(result["cell"])))


def test_a_run_that_was_cut_off_goes_on(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1,4]") == 0
    whole = lines()
    kept = [json.dumps(line) for line in whole[:12]]
    Path("run/results.jsonl").write_text("\n".join(kept) + "\n" + '{"problem": "jsonl-')
    assert run("sweep", "run=run") == 0
    assert "28/28 searches" in capsys.readouterr().err
    assert Path("run/results.jsonl").read_text().splitlines()[:12] == kept
    assert _without_seconds(lines()) == _without_seconds(whole)
    assert run("sweep", "run=run") == 0, "there is nothing left to do"
    assert len(lines()) == len(whole) == 40


def test_another_sweep_does_not_go_on_in_its_folder(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1]", "searchers=[beam]") == 0
    assert run("sweep", "run=run", "seeds=[3]") == 2
    told = capsys.readouterr().err
    assert "run=run was started with another config" in told and "- - 0" in told and "+ - 3" in told
    Path("toy.jsonl").write_text(Path("toy.jsonl").read_text().replace("q4", "q5"))
    assert run("sweep", "run=run") == 2
    assert "run=run was started with another problems" in capsys.readouterr().err
    assert run("sweep", "run=run", "policy.branch=2") == 2, "a knob of the policy that it was begun with"
    assert "+   branch: 2" in capsys.readouterr().err
    assert run("sweep", "run=nowhere") == 2
    assert "run=nowhere cannot be resumed" in capsys.readouterr().err


def test_a_run_begun_before_classes_moved_resumes(here: Path, capsys: pytest.CaptureFixture[str]):
    """Its config has the knobs in another order and names the modules of that time."""
    assert sweep("budgets=[1,4]", "searchers=[beam,mcts]") == 0
    whole, config = lines(), Path("run/config.yaml")
    old = yaml.safe_load(config.read_text())
    old["_target_"] = "experiments.sweep.Sweep"
    old["problems"]["_target_"] = "experiments.problems.Jsonl"
    old["search"]["beam"]["_target_"] = "search.beam.Beam"
    old["budget"]["_target_"] = "experiments.cells.Budgets"
    config.write_text(yaml.safe_dump(dict(reversed(old.items())), sort_keys=False))
    Path("run/results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in whole[:7]))
    assert run("sweep", "run=run") == 0
    assert _without_seconds(lines()) == _without_seconds(whole)
    old["scorer"]["_target_"] = "scorers.toy.Other"
    config.write_text(yaml.safe_dump(old))
    assert run("sweep", "run=run") == 2, "another class"
    assert "-   _target_: Other\n+   _target_: Toy" in capsys.readouterr().err


def test_a_sweep_does_not_go_on_with_an_edited_searcher(here: Path, capsys: pytest.CaptureFixture[str]):
    mine = Path("edited_search.py")
    mine.write_text("from search import BestOfN\n\n\nclass Mine(BestOfN):\n    pass\n")
    assert sweep("searchers=[custom]", "search.custom.cls=edited_search:Mine", "budgets=[1]") == 0
    assert run("sweep", "run=run") == 0
    mine.write_text(mine.read_text().replace("pass", "other = 1"))
    assert run("sweep", "run=run") == 2
    assert "another search.custom.cls: " in (told := capsys.readouterr().err) and "edited_search.py has changed" in told


def test_two_processes_do_not_write_to_one_folder(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=[1]", "searchers=[beam]") == 0
    with appending(Path("run/results.jsonl")):
        assert run("sweep", "run=run") == 2
    assert "run/results.jsonl is being written to by another process" in capsys.readouterr().err


def test_a_model_is_told_by_its_files(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(bytes(100))
    before = fingerprint(tmp_path)
    (tmp_path / "README.md").write_text("not read")
    assert fingerprint(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(bytes(99) + b"1")
    assert fingerprint(tmp_path) != before
    assert fingerprint("Qwen/Qwen2.5-Math-1.5B") == "Qwen/Qwen2.5-Math-1.5B"


def test_ctrl_c_keeps_what_has_ended(here: Path):
    words = ["problems=jsonl", "problems.path=toy.jsonl", "searchers=[beam]", "budgets=[1,4,16]", "out=run"]
    words += ["policy=custom", "policy.cls=tests.plugins:Slow", "policy.args.seconds=0.05", "scorer=toy"]
    ended = stopped(["sweep", *words], here, signal.SIGINT, lambda: len(result_lines(here / "run")) >= 3)
    assert ended.returncode == 130 and "Traceback" not in ended.stderr
    assert 3 <= len(lines()) < 20
    assert f"interrupted: {len(lines())} of 20 searches had ended and are kept" in ended.stderr
    counted = {(row["searcher"], row["n"]): int(row["problems"]) for row in summary()}
    assert sum(counted.values()) == len(lines())
