"""Cells that are read off a larger one: against runs of their own, and by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.expected_cost import expected_cost
from experiments.analysis.fewer_samples import at, with_estimates
from experiments.runs.results import CellKey, Result, Sharing, read_results
from search import Ledger
from tests.command_line import RIGHT, TOY, run

pytestmark = pytest.mark.usefixtures("undrawn")

COSTS = ("generated_tokens", "unique_tokens", "prompt_tokens_computed", "samples", "policy_calls")
SHARED = ("scorer_tokens_computed", "scorer_tokens_cached", "scorer_calls", "flops", "scorer_flops")


def sweep(folder: Path, *words: str) -> list[Result]:
    (folder / "toy.jsonl").write_text(
        "".join(json.dumps({"question": f"q{i}", "answer": RIGHT}) + "\n" for i in range(40))
    )
    out = folder / f"run{len(list(folder.iterdir()))}"
    set_ = ["problems=jsonl", f"problems.path={folder / 'toy.jsonl'}"]
    assert run("sweep", *TOY, *set_, "searchers=best_of_n", "scorer.error=0.5", f"out={out}", *words) == 0
    return read_results(out)


@pytest.mark.slow
def test_fewer_samples_are_what_a_run_of_fewer_is_on_average(tmp_path: Path):
    """40 problems, 10 seeds of 4 samples read at 2, against 10 other seeds of 2 samples; within 4 standard errors.

    In the toy's small world samples often share steps, which are scored once; four share more than two do.
    """
    four = sweep(tmp_path, "budgets=2,4", f"seeds={list(range(10))}")
    two = sweep(tmp_path, "budgets=2", f"seeds={list(range(100, 110))}")
    read = [r for r in with_estimates(four) if r.cell == CellKey("best_of_n", 2)]
    ran = [r for r in two if r.cell.n == 2]
    assert len(read) == len(ran) == 400
    for rule in ("best", "majority", "weighted", "oracle"):
        ours, theirs = (np.array([r.correct(rule) for r in results], dtype=float) for results in (read, ran))
        error = np.hypot(ours.std(), theirs.std()) / np.sqrt(400)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * error), rule
        assert 0.05 < theirs.mean() < 0.95
    for cost in COSTS:
        ours, theirs = (np.mean([getattr(r.ledger, cost) for r in results]) for results in (read, ran))
        assert ours == pytest.approx(theirs, rel=1e-9), cost
    for cost in SHARED:
        ours, theirs = (np.array([getattr(r.ledger, cost) for r in results], dtype=float) for results in (read, ran))
        error = max(np.hypot(ours.std(), theirs.std()) / np.sqrt(400), 1e-9)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * error), cost


def test_all_samples_are_the_cell_itself(tmp_path: Path):
    for result in sweep(tmp_path, "budgets=4"):
        if result.cell.n == 4:
            same = at(result, 4)
            assert {rule: vote.correct for rule, vote in same.selections.items()} == pytest.approx(
                {rule: vote.correct for rule, vote in result.selections.items()}
            )
            assert same.oracle == result.oracle and same.ledger == pytest.approx(result.ledger)


def test_what_samples_share_is_paid_once():
    """A prompt of 10 tokens, four samples of 20: policy and scorer read it once and find it cached three times."""
    names = ("samples", "generated_tokens", "unique_tokens", "policy_calls", "scorer_calls", "flops", "scorer_flops")
    names += tuple(f"{who}_tokens_{how}" for who in ("prompt", "scorer") for how in ("computed", "cached"))
    values: tuple[Any, ...] = (4, 80, 90, 4, 4, 1800.0, 900.0, 10, 30, 90, 30)
    ledger, sharing = Ledger(**dict(zip(names, values, strict=True))), Sharing([(1, 80)], [(1, 4, 80)])
    one = expected_cost(ledger, 4, 1, sharing)
    assert tuple(getattr(one, name) for name in names) == (1, 20, 30, 1, 1, 600.0, 300.0, 10, 0, 30, 0)
    assert expected_cost(ledger, 4, 4, sharing) == pytest.approx(ledger)
    again = ledger._replace(prompt_tokens_computed=40, prompt_tokens_cached=0)
    assert expected_cost(again, 4, 1, sharing).prompt_tokens_computed == 10, "an engine that reads it for every sample"


def test_solutions_that_are_alike_are_scored_once():
    """Four samples, three of them the same: one is drawn alone, two of them meet both with probability a half."""
    ledger = Ledger(scorer_tokens_computed=60, scorer_calls=2, flops=700.0, scorer_flops=600.0, generated_tokens=100)
    sharing = Sharing([(1, 30), (3, 30)], [(1, 1, 30), (3, 1, 30)])
    one, two = (expected_cost(ledger, 4, k, sharing) for k in (1, 2))
    assert (one.scorer_tokens_computed, one.scorer_calls, one.scorer_flops) == pytest.approx((30, 1, 300))
    assert one.flops == pytest.approx(300 + 25)
    assert (two.scorer_tokens_computed, two.scorer_calls) == pytest.approx((45, 1.5))


def test_a_budget_that_cuts_samples_leaves_nothing_to_read(tmp_path: Path):
    """All cells are run then, and a cell of which a search was cut stands for no other."""
    results = sweep(tmp_path, "budgets=2,4", "problems.limit=3", "budget.generated_tokens=10")
    assert {(r.cell.searcher, r.cell.n) for r in results} == {("greedy", 1), ("best_of_n", 2), ("best_of_n", 4)}
    assert with_estimates(results) == results
    assert sweep(tmp_path, "budgets=4", "problems.limit=3", "budget.generated_tokens=3")


def test_the_budgets_that_were_asked_for_are_reported(tmp_path: Path):
    results = sweep(tmp_path, "budgets=1,3,12", "problems.limit=2")
    assert {r.cell.n for r in with_estimates(results) if r.cell.searcher == "best_of_n"} == {1, 3, 12}


def test_a_run_of_its_own_is_not_replaced_and_an_error_stays_one(tmp_path: Path):
    results = sweep(tmp_path, "budgets=1,2,4", "problems.limit=3")
    own = [r for r in sweep(tmp_path, "budgets=1", "problems.limit=3") if r.cell.searcher == "best_of_n"]
    both = with_estimates([*results, *own])
    assert [r for r in both if r.cell.searcher == "best_of_n" and r.cell.n == 1] == own
    last = next(r for r in results if r.cell.searcher == "best_of_n")
    wrong = replace(last, error="E: x", selections={}, samples=None, sharing=None, oracle=None)
    found = [r for r in Cells.of([wrong, *(r for r in results if r is not last)]).complete().results if r.error]
    assert {r.cell.n for r in found} == {1, 2, 4}
    assert {r.correct("best") for r in found} == {0.0}


def test_gold_stays_unknown(tmp_path: Path):
    results = sweep(tmp_path, "budgets=2", "problems.limit=2", "problems.answer=null")
    assert {r.correct(rule) for r in with_estimates(results) for rule in r.selections} == {None}
