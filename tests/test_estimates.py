"""Cells that are read off a larger one: against runs of their own, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.curves import complete
from experiments.estimates import at, spent, with_estimates
from experiments.results import Result, read_results
from tests.command_line import RIGHT, TOY, run

COSTS = ("generated_tokens", "unique_tokens", "prompt_tokens_computed", "samples", "policy_calls")


def sweep(folder: Path, *words: str) -> list[Result]:
    (folder / "toy.jsonl").write_text(
        "".join(json.dumps({"question": f"q{i}", "answer": RIGHT}) + "\n" for i in range(40))
    )
    out = folder / f"run{len(list(folder.iterdir()))}"
    set_ = ["problems=jsonl", f"problems.path={folder / 'toy.jsonl'}"]
    assert run("sweep", *TOY, *set_, "searchers=[best_of_n]", "scorer.error=0.5", f"out={out}", *words) == 0
    return read_results(out)


def test_fewer_samples_are_what_a_run_of_fewer_is_on_average(tmp_path: Path):
    """40 problems, 10 seeds of 4 samples read at 2, against 10 other seeds of 2 samples; within 4 standard errors.

    In the toy's small world samples often share steps, which are scored once; two share fewer than two of four do.
    """
    four = sweep(tmp_path, "budgets=[4]", f"seeds={list(range(10))}")
    two = sweep(tmp_path, "budgets=[2]", f"seeds={list(range(100, 110))}")
    read = [r for r in with_estimates(four) if r.cell == {"searcher": "best_of_n", "n": 2, "budget": {}}]
    ran = [r for r in two if r.cell["n"] == 2]
    assert len(read) == len(ran) == 400
    for rule in ("best", "majority", "weighted", "oracle"):
        ours, theirs = (np.array([r.correct(rule) for r in results], dtype=float) for results in (read, ran))
        error = np.hypot(ours.std(), theirs.std()) / np.sqrt(400)
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * error), rule
        assert 0.05 < theirs.mean() < 0.95
    for cost in COSTS:
        ours, theirs = (np.mean([r.ledger[cost] for r in results]) for results in (read, ran))
        assert ours == pytest.approx(theirs, rel=1e-9), cost
    shared = [np.mean([r.ledger["scorer_tokens_computed"] for r in results]) for results in (read, ran)]
    assert 0.9 * shared[1] < shared[0] < shared[1]


def test_all_samples_are_the_cell_itself(tmp_path: Path):
    for result in sweep(tmp_path, "budgets=[4]"):
        if result.cell["n"] == 4:
            same = at(result, 4)
            assert {rule: vote["correct"] for rule, vote in same.selections.items()} == pytest.approx(
                {rule: vote["correct"] for rule, vote in result.selections.items()}
            )
            assert same.oracle == result.oracle and same.ledger == pytest.approx(result.ledger)


def test_what_samples_share_is_paid_once():
    """A prompt of 10 tokens, four samples of 20: policy and scorer read it once and find it cached three times."""
    names = ("samples", "generated_tokens", "unique_tokens", "policy_calls", "scorer_calls", "flops")
    names += tuple(f"{who}_tokens_{how}" for who in ("prompt", "scorer") for how in ("computed", "cached"))
    ledger = dict(zip(names, (4, 80, 90, 4, 4, 1800.0, 10, 30, 90, 30), strict=True))
    assert tuple(spent(ledger, 4, 1).values()) == (1, 20, 30, 1, 1, 600.0, 10, 0, 30, 0)
    assert spent(ledger, 4, 4) == pytest.approx(ledger)
    again = {**ledger, "prompt_tokens_computed": 40, "prompt_tokens_cached": 0}
    assert spent(again, 4, 1)["prompt_tokens_computed"] == 10, "an engine that reads it for every sample"


def test_a_run_of_its_own_is_not_replaced_and_an_error_stays_one(tmp_path: Path):
    results = sweep(tmp_path, "budgets=[4]", "problems.limit=3")
    own = [r for r in sweep(tmp_path, "budgets=[1]", "problems.limit=3") if r.cell["searcher"] == "best_of_n"]
    both = with_estimates([*results, *own])
    assert [r for r in both if r.cell["searcher"] == "best_of_n" and r.cell["n"] == 1] == own
    wrong = Result(**{**vars(results[-1]), "error": "E: x", "selections": {}, "samples": None, "oracle": None})
    found = [r for r in complete([*results[:-1], wrong]) if r.error]
    assert {r.cell["n"] for r in found} == {1, 2, 4} or wrong.cell["searcher"] == "greedy"
    assert {r.correct("best") for r in found} == {0.0}


def test_gold_stays_unknown(tmp_path: Path):
    results = sweep(tmp_path, "budgets=[2]", "problems.limit=2", "problems.answer=null")
    assert {r.correct(rule) for r in with_estimates(results) for rule in r.selections} == {None}
