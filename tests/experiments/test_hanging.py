"""A scorer that hangs: it may be given a limit, Ctrl-C does not wait for it, and progress says who is waited for."""

import signal
import time
from pathlib import Path

import pytest

from search.attempts import WAITS
from tests.command_line import run, started
from tests.experiments.toy_sweep import lines, sweep
from tests.patience import patience

HANGS = """
import time
from pathlib import Path

class Hang:
    def score(self, question, steps):
        Path("hanging").touch()
        if "hated" in question:
            with open("asked", "a") as file:
                print(question, file=file)
            time.sleep({seconds})
        return [0.5 for _ in steps]

class Coroutine:
    async def score(self, question, steps):
        import asyncio
        if "hated" in question:
            with open("asked", "a") as file:
                print(question, file=file)
            await asyncio.sleep({seconds})
        return [0.5 for _ in steps]
"""


@pytest.mark.parametrize("name", ["Hang", "Coroutine"])
def test_a_call_that_takes_too_long_fails_its_search(name: str, here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("search.attempts.WAITS", (0.01, 0.01, 0.01))
    monkeypatch.delitem(__import__("sys").modules, "hanging_scorer", raising=False)
    Path("hanging_scorer.py").write_text(HANGS.format(seconds=3))
    words = ["scorer=custom", f"scorer.cls=hanging_scorer:{name}", "scorer.timeout=0.2"]
    assert len(WAITS) == 3 and sweep(*words, "searchers=[beam]", "budgets=[1]") == 1
    failed = [line for line in lines() if line["error"]]
    assert {line["question"] for line in failed} == {"hated q2"} and len(lines()) == 10
    assert {line["error"] for line in failed} == {"TookTooLong: no answer within 0.2 s"}
    asked = Path("asked").read_text().splitlines()
    assert len(asked) == 2 * len(failed), "a call is made once more at most"


def test_a_limit_is_positive(here: Path, capsys: pytest.CaptureFixture[str]):
    Path("hanging_scorer.py").write_text(HANGS.format(seconds=3))
    assert sweep("scorer=custom", "scorer.cls=hanging_scorer:Hang", "scorer.timeout=0") == 2
    assert "timeout is 0.0; it must be > 0" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["solve", "sweep"])
def test_ctrl_c_does_not_wait_for_it(command: str, here: Path):
    Path("hanging_scorer.py").write_text(HANGS.format(seconds=100))
    words = ["policy=toy", "scorer=custom", "scorer.cls=hanging_scorer:Hang"]
    sweeps = [
        "sweep",
        *words,
        "problems=jsonl",
        "problems.path=toy.jsonl",
        "searchers=[beam]",
        "budgets=[1]",
        "out=run",
    ]
    process = started(["solve", "hated", *words] if command == "solve" else sweeps, here)
    until = time.monotonic() + patience(60)
    while not Path("hanging").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=patience(30))
    assert process.returncode == 130 and "Traceback" not in err


def test_progress_says_what_is_waited_for(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("experiments.runs.progress._SILENT_SECONDS", 0.4)
    monkeypatch.delitem(__import__("sys").modules, "hanging_scorer", raising=False)
    Path("hanging_scorer.py").write_text(HANGS.format(seconds=1.5))
    words = ["policy=toy", "scorer=custom", "scorer.cls=hanging_scorer:Hang", "problems=jsonl"]
    assert run("sweep", *words, "problems.path=toy.jsonl", "searchers=[beam]", "budgets=[1]", "out=run") == 0
    assert "waiting for the scorer (" in capsys.readouterr().err
