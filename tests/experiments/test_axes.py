"""Every command works on a run whose costs on an axis are all zero, all unknown, or known for some searches only."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.runs.grid import greedy
from policies.hf import HF
from policies.toy import Toy
from search import Cost, Extension, Node, Scored
from search.tree.cost import NOTHING
from tests.command_line import run
from tests.experiments.toy_sweep import lines, summary, where

COSTS = {
    "flops": ["flops", "scorer_flops"],
    "generated_tokens": ["generated_tokens"],
    "calls": ["policy_calls", "scorer_calls"],
}
COMMANDS = [
    ["sweep"],
    ["curves"],
    ["curves", "axes=[flops]", "name=flops"],
    ["curves", "axes=[generated_tokens]", "name=tokens"],
    ["estimate"],
    ["compare"],
    ["compare", "n=1"],
    ["compare", "axis=flops"],
    ["compare", "axis=calls"],
    ["plan", "budget=1000"],
    ["plan", "budget=1000", "axis=flops"],
    ["plan", "budget=1000", "axis=calls"],
    ["report"],
]


def rewritten(cost: str, how: str) -> None:
    """Gives every search of the run in run/ this cost: zero, unknown, or unknown for every other search."""
    rows = lines()
    for place, row in enumerate(rows):
        value = 0 if how == "zero" else None
        if how == "mixed" and place % 2:
            continue
        row["ledger"] |= dict.fromkeys(COSTS[cost], value)
        for mark in row["anytime"] or ():
            mark["spent"][cost] = value
    Path("run/results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


DAILY = [("flops", "unknown"), ("generated_tokens", "zero"), ("calls", "mixed")]
"""Each cost and each way once; the other pairs are among the slow tests."""


@pytest.mark.parametrize(
    ("cost", "how"),
    [
        pytest.param(cost, how, marks=[] if (cost, how) in DAILY else pytest.mark.slow)
        for cost in COSTS
        for how in ("zero", "unknown", "mixed")
    ],
)
def test_every_command_works(cost: str, how: str, copied: Path, capsys: pytest.CaptureFixture[str]):
    """It succeeds, or says in a line why it cannot; nothing is a traceback, and nothing unknown is printed as zero."""
    rewritten(cost, how)
    for name, *words in COMMANDS:
        capsys.readouterr()
        code, told = run(name, "run=run", *words), capsys.readouterr()
        asked = [word for word in words if word.endswith(cost) or f"[{cost}]" in word]
        assert code == 0 or (code == 2 and (asked or cost == "generated_tokens")), (name, words, told.err)
        assert "Traceback" not in told.err and "nan" not in told.out
    column = {"flops": "flops", "generated_tokens": "generated_tokens", "calls": "policy_calls"}[cost]
    found = {row[column] for row in where(summary(), searcher="beam")}
    assert ("" in found) == (how != "zero")


class Api:
    """The policy that anyone would write first: no FLOPs, and no greedy form."""

    def __init__(self) -> None:
        self.toy = Toy()

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Any) -> Extension:
        extension = await self.toy.extend(node, n, max_steps, seeds)
        return Extension(extension.continuations, Cost(generated=extension.cost.generated, computed=n))


class WithGreedy(Api):
    def greedy(self) -> Toy:
        return Toy(temperature=0)


def test_flops_that_a_policy_leaves_out_are_unknown(here: Path, capsys: pytest.CaptureFixture[str]):
    words = ["policy=custom", "policy.cls=tests.experiments.test_axes:Api", "scorer=toy", "problems=jsonl"]
    words += ["problems.path=toy.jsonl", "searchers=[best_of_n,beam,mcts]", "budgets=[1,4]", "out=run"]
    assert run("sweep", *words) == 0
    assert "no greedy row" in capsys.readouterr().out
    assert {row["ledger"]["flops"] for row in lines()} == {None} and {row["flops"] for row in summary()} == {""}
    assert not where(summary(), searcher="greedy")
    for name, *more in COMMANDS:
        assert run(name, "run=run", *more) in ((0, 2) if "flops" in str(more) else (0,))
    out = capsys.readouterr().out
    assert "temperature=0" not in out and " greedy " not in out.replace("no greedy ", "").replace("method greedy", "")


def test_a_cost_that_says_nothing_of_flops_does_not_know_them():
    assert Cost().flops is None and (Cost(flops=1) + Cost()).flops is None
    assert NOTHING.flops == 0 and (NOTHING + Cost(flops=2)).flops == 2
    assert Scored([1.0], Cost()).cost.flops is None


def test_the_greedy_form_of_a_policy():
    assert greedy(Api()) is None
    assert greedy(WithGreedy()) == Toy(temperature=0)
    assert greedy(Toy(branch=2)) == Toy(branch=2, temperature=0) and greedy(HF()) == HF(temperature=0)
