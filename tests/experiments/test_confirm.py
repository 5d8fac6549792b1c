"""A long sweep asks on a terminal whether to go on, and nowhere else."""

import json
import os
from pathlib import Path

import pytest

from experiments.errors import INTERRUPTED
from experiments.runs import searching
from experiments.runs.announcing import can_ask
from experiments.runs.status import PROGRESS, Status
from experiments.terminal import set_quiet
from tests.command_line import run
from tests.experiments.toy_sweep import lines, sweep, timeless


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers to give; each question takes the first one."""
    answers: list[str] = []
    monkeypatch.setattr(searching, "can_ask", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0))
    return answers


def test_a_no_leaves_a_run_that_goes_on(here: Path, asked: list[str], capsys: pytest.CaptureFixture[str]):
    words = ("searchers=beam", "budgets=1,4", "seeds=0,1,2", "concurrency=1")
    asked.append("n")
    assert sweep(*words, "confirm=0") == INTERRUPTED and not asked
    said, ended = capsys.readouterr(), len(lines())
    assert 3 <= ended < 35, "it asks once something is known of each cell"
    assert f"the {35 - ended} searches that are left will take about " in said.out
    assert f"not confirmed: {ended} of 35 searches" in said.err
    assert json.loads(Path("run", PROGRESS).read_text())["state"] == "not confirmed"
    asked.append("")
    assert run("sweep", "run=run") == 0 and not asked, "what has ended tells what the rest costs"
    assert f"{35 - ended} of 35 searches to run, of " in capsys.readouterr().err
    assert sweep(*words, "confirm=null", out="other") == 0
    assert timeless() == timeless("other")
    assert Status(**json.loads(Path("run", PROGRESS).read_text()))[:4] == ("done", 35, 35, 0)


def test_what_takes_less_is_not_asked_for(here: Path, asked: list[str]):
    assert sweep("searchers=beam", "budgets=1", "concurrency=1") == 0


def test_nobody_is_asked_where_there_is_no_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("it asked"))
    assert sweep("searchers=beam", "budgets=1", "confirm=0", "shard=1/2") == 0
    assert "6 searches to run, of 3 problems in 2 cells\nthe " in capsys.readouterr().err


def test_nobody_is_asked_at_a_terminal_that_nobody_types_at(monkeypatch: pytest.MonkeyPatch):
    for name in ("CI", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    ours, other = os.openpty()
    with open(ours, "w") as output, open(other) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr("sys.stdout", output)
        assert can_ask()
        for name, value, asks in (("CI", "true", False), ("CI", "false", True), ("JPY_PARENT_PID", "1", False)):
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                assert can_ask() is asks, name
        for group in (os.getpgrp(), os.getpgrp() + 1):  # of a shell's job in the foreground, and of another one
            with monkeypatch.context() as patch:
                patch.setattr("os.tcgetpgrp", lambda file, group=group: group)
                assert can_ask() is (group == os.getpgrp())
        set_quiet(True)
        try:
            assert not can_ask()
        finally:
            set_quiet(False)
