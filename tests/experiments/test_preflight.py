"""What is said before a run: a scorer whose context is too short for what the policy may write."""

from pathlib import Path
from typing import Any

import pytest

from experiments.runs.preflight import warn_of_context
from policies.hf import HF
from policies.toy import Toy
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
from scorers.checks import Checks
from scorers.ensemble import Ensemble
from scorers.prm import PRM
from tests.command_line import run
from tests.models import save_random

SHORT, LONG = "1 + 1 =", "((3 + 4) * (2 - 5)) ="


@pytest.fixture
def short_prm(tmp_path: Path) -> str:
    return save_random(Qwen2ForProcessRewardModel, tmp_path / "prm", seed=1, max_position_embeddings=100)


def said(policy: Any, scorer: Any, capsys: pytest.CaptureFixture[str], *questions: str) -> str:
    warn_of_context(policy, [scorer], questions or (SHORT, LONG))
    return capsys.readouterr().err


def test_a_scorer_that_reads_less_than_may_be_written_says_so(short_prm: str, capsys: pytest.CaptureFixture[str]):
    """The room is exact: a step of so many tokens fits, and one more does not."""
    prm = PRM(short_prm)
    room = prm.room(LONG)
    steps = ["1" * room]  # each digit is a token
    assert len(prm.form.encode(prm.reader.tokenizer, LONG, steps).ids) == 100 == prm.reader.context
    note = f"note: {short_prm} reads about {room} tokens of a solution to the longest question, and policy.max_tokens "
    note += f"allows {room + 1}; a search with a longer one fails: lower it to {room} or less\n"
    assert said(HF(max_tokens=room + 1), prm, capsys) == note
    assert said(HF(max_tokens=room + 1), Ensemble((Checks(), prm)), capsys) == note
    assert said(HF(max_tokens=room), prm, capsys) == said(HF(max_tokens=room + 1), prm, capsys, SHORT) == ""
    assert said(HF(), PRM(), capsys) == said(HF(), Checks(), capsys) == said(HF(), None, capsys) == ""
    assert said(Toy(), prm, capsys) == ""


def test_a_thought_counts_where_the_scorer_reads_it(short_prm: str, capsys: pytest.CaptureFixture[str]):
    policy = HF(max_tokens=10, max_thinking_tokens=1000, thinking="<think> </think>")
    assert said(policy, PRM(short_prm), capsys) == ""
    assert "and policy.max_tokens and policy.max_thinking_tokens allow 1,010;" in said(
        policy, PRM(short_prm, thoughts=True), capsys
    )


def test_commands_say_it_before_they_search(
    short_prm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], undrawn: None
):
    monkeypatch.chdir(tmp_path)
    words = [f"scorer.model={short_prm}", "policy.max_steps=1", "policy.max_step_tokens=4"]
    assert run("solve", SHORT, "search=best_of_n", "search.n=1", *words) == 3, "no answer"
    assert capsys.readouterr().err.count("reads about ") == 1
    grid = ["searchers=[best_of_n]", "budgets=[1]", "problems.limit=1", "out=run"]
    assert run("sweep", *grid, *words) == 0
    assert capsys.readouterr().err.count("reads about ") == 1
