"""`stepsearch sweep` on the toy world: what it writes, which cells it has, what becomes of a search that fails."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.summary import COLUMNS
from experiments.analysis.uncertainty import accuracy_interval
from experiments.config.registry import GROUPS
from experiments.reports.looks import LOOKS
from experiments.runs.grid import Budgets, cells
from experiments.runs.results import read_results
from policies.hf import HF
from search import MCTS, BestOfN, Tree
from tests.command_line import RIGHT, run
from tests.experiments.toy_sweep import lines, summary, sweep, timeless, where


def test_a_sweep_writes_a_line_for_each_problem_and_cell(read_only: Path):
    found = {(row["problem"], row["cell"]["searcher"], row["cell"]["n"]) for row in lines()}
    grid = {("greedy", 1), ("best_of_n", 4)} | {(s, n) for s in ("beam", "mcts", "particle_filter") for n in (1, 4)}
    assert found == {(f"jsonl-{i + 1}", *cell) for i in range(5) for cell in grid} and len(lines()) == 40
    first = next(row for row in lines() if row["cell"] == {"searcher": "particle_filter", "n": 4, "budget": {}})
    assert set(first["selections"]) == {"best", "majority", "weighted", "odds", "power4", "particle", "distinct"}
    assert first["gold"] == RIGHT and first["level"] in (0, 1) and first["seed"] == 0 and first["error"] is None
    assert first["ledger"]["generated_tokens"] == 16 and first["stopped"] == "done"
    assert {path.name for path in Path("run").iterdir()} == {
        "command.json", "config.yaml", "inputs.json", "versions.json",
        "results.jsonl", "summary.csv", "trees", "curves.png", "curves.svg", "progress.json",
    }  # fmt: skip
    assert len(list(Path("run/trees").iterdir())) == 40
    assert Tree.loads(next(Path("run/trees").glob("00002-*.beam-4.seed-0.json")).read_text()).question == "hated q2"
    assert "run/curves.png" in Path("said").read_text()
    assert "searchers:" in Path("run/config.yaml").read_text()
    assert json.loads(Path("run/versions.json").read_text())["torch"]


def test_the_summary_is_what_the_results_say(read_only: Path):
    rows = [row for row in summary() if (row["searcher"], row["n"]) != ("best_of_n", "1")]  # read off its 4
    assert list(rows[0]) == COLUMNS
    rules = {"best", "majority", "weighted", "odds", "power4", "oracle"}
    assert {row["selection"] for row in where(rows, searcher="best_of_n")} == rules
    assert len(where(rows, searcher="particle_filter", selection="particle")) == 2
    for row in rows:
        cell = {"searcher": row["searcher"], "n": int(row["n"]), "budget": {}}
        members = [line for line in lines() if line["cell"] == cell]
        rule = row["selection"]
        right = [float(m["oracle"]) if rule == "oracle" else m["selections"][rule]["correct"] for m in members]
        assert float(row["accuracy"]) == pytest.approx(np.mean(right)) and int(row["problems"]) == 5
        assert (float(row["ci_low"]), float(row["ci_high"])) == pytest.approx(accuracy_interval(right))
        for cost in ("generated_tokens", "unique_tokens", "flops", "policy_calls"):
            assert float(row[cost]) == pytest.approx(np.mean([m["ledger"][cost] for m in members]))


def test_a_repeated_sweep_is_equal_but_for_seconds(toy_sweep: Path, here: Path):
    assert sweep("budgets=1,4", "scorer.error=1") == 0
    assert timeless() == timeless(str(toy_sweep / "run")) != []


def test_the_greedy_cell_is_one_solution_at_temperature_zero():
    policy = HF(temperature=0.7)
    greedy, *rest = cells({"mcts": MCTS()}, policy, [1, 16], Budgets())
    assert (greedy.searcher, greedy.n, greedy.search) == ("greedy", 1, BestOfN(1))
    assert greedy.policy == HF(temperature=0.0) and {id(cell.policy) for cell in rest} == {id(policy)}
    assert [cell.search for cell in rest] == [MCTS(simulations=1), MCTS(simulations=16)]


def test_a_swept_limit_opens_the_scale(here: Path, capsys: pytest.CaptureFixture[str]):
    """MCTS and Best-of-N go on until the limit is spent; the width of a beam is not a limit's to choose."""
    words = ["budget.generated_tokens=4,40,100", "searchers=mcts,best_of_n,beam", "search.mcts.in_flight=1"]
    assert sweep(*words, "problems.limit=2") == 0
    found = {(row["cell"]["searcher"], row["cell"]["n"], *row["cell"]["budget"].values()) for row in lines()}
    opened = {(name, limit, limit) for name in ("mcts", "best_of_n") for limit in (4, 40, 100)}
    assert found == {("greedy", 1), *opened, *(("beam", 16, limit) for limit in (4, 40, 100))}
    rows = where(summary(), searcher="best_of_n", selection="best")
    assert [row["budget_generated_tokens"] for row in rows] == ["4", "40", "100"]
    assert [float(row["generated_tokens"]) for row in rows] == [4, 40, 100], "four tokens a solution"
    assert int(where(summary(), searcher="mcts")[0]["no_answer"]) == 0, (
        "the reserve completes a solution of four tokens"
    )
    assert "ended at their n before the limit was spent: beam at 100 (2 of 2)" in capsys.readouterr().out


def test_a_scale_that_was_typed_holds(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["budget.generated_tokens=4,40", "searchers=best_of_n", "search.best_of_n.n=3", "problems.limit=2"]
    assert sweep(*words) == 0
    assert {row["cell"]["n"] for row in lines() if row["cell"]["budget"]} == {3}
    assert "before the limit was spent: best_of_n at 40 (2 of 2)" in capsys.readouterr().out


def test_a_run_from_before_scales_were_opened_goes_on(here: Path):
    grid = cells({"mcts": MCTS()}, HF(), None, Budgets(samples=[50]), opens=False)
    assert [cell.n for cell in grid] == [1, 16]
    assert sweep("budget.samples=[2]", "searchers=mcts", "problems.limit=1") == 0
    inputs = json.loads(Path("run/inputs.json").read_text())
    del inputs["open_scale"]
    Path("run/inputs.json").write_text(json.dumps(inputs))
    Path("run/results.jsonl").write_text("")
    assert run("sweep", "run=run") == 0
    assert {row["cell"]["n"] for row in lines() if row["cell"]["budget"]} == {16}


def test_a_searcher_of_ones_own_takes_part(here: Path):
    words = ["searchers=custom,beam", "search.custom.cls=search:BestOfN", "budgets=4"]
    assert sweep(*words) == 0
    assert {row["cell"]["searcher"] for row in lines()} == {"greedy", "custom", "beam"}


def test_without_gold_answers_accuracy_is_unknown(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep("budgets=1", "searchers=beam", "problems.answer=null") == 0
    assert {row["accuracy"] for row in summary()} == {""}
    assert "no curves: no problem with a gold answer" in capsys.readouterr().out


def test_a_failure_stays_with_its_problem(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=hated", "budgets=4"]
    assert sweep(*words, "searchers=best_of_n,beam") == 1
    failed = [row for row in lines() if row["error"]]
    assert {row["question"] for row in failed} == {"hated q2"} and len(failed) == 3
    assert {row["stopped"] for row in failed} == {"error"} and all(row["selections"] == {} for row in failed)
    assert all("I cannot [bold]stand[/bold] this one" in row["error"] for row in failed)
    for row in summary():
        assert (row["problems"], row["errors"]) == ("5", "1") and float(row["accuracy"]) <= 0.8
    out = capsys.readouterr().out
    assert "3 of 15 searches failed" in out and "[bold]stand[/bold]" in out
    assert {result.correct("best") for result in read_results(Path("run")) if result.error} == {0.0}


def test_a_dead_engine_is_told_once_and_what_has_ended_is_kept(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Mortal", "concurrency=2"]
    assert sweep(*words, "budgets=1", "searchers=beam,best_of_n") == 1
    told = capsys.readouterr().err
    assert told.count("the engine has ended. Its log:\nlast words: ") == 1
    assert 1 <= len(lines()) < 15
    assert f"{len(lines())} of 15 searches had ended and are saved" in told
    assert not any(line["error"] for line in lines())


def test_where_all_fail_the_exit_code_says_so(here: Path):
    words = ["scorer=custom", "scorer.cls=tests.plugins:Picky", "scorer.args.hated=q"]
    assert sweep(*words, "budgets=1", "searchers=beam") == 1


def test_a_sweep_of_the_second_family(here: Path):
    """Rounds are the scale of `again`, and each searcher has rows and a line."""
    assert sweep("searchers=again,dvts,rebase", "budgets=1,4", "search.again.args.n=2", "search.again.sure=1") == 0
    rows = [row for row in summary() if row["selection"] == "weighted"]
    assert [(row["searcher"], row["n"]) for row in rows] == [
        ("greedy", "1"), *((name, n) for name in ("rebase", "dvts", "again") for n in ("1", "4")),
    ]  # fmt: skip
    tokens = {(row["searcher"], row["n"]): float(row["generated_tokens"]) for row in rows}
    assert tokens == {("greedy", "1"): 4, **{(s, n): 4 * int(n) for s in ("rebase", "dvts") for n in "14"},
                      ("again", "1"): 8, ("again", "4"): 32}  # fmt: skip
    marks = [row["anytime"] for row in lines() if row["cell"]["searcher"] == "again" and row["cell"]["n"] == 4]
    assert len(marks) == 5 and all(marks)
    assert GROUPS["search"].keys() - {"auto"} <= LOOKS.keys()
