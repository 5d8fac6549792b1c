"""Ctrl-C, once and again: a plug-in that blocks the event loop does not keep it, and what had ended is saved."""

import signal
import time
from pathlib import Path

import pytest

from tests.command_line import started
from tests.experiments.toy_sweep import lines

BLOCKS = """
import time
from pathlib import Path

class Blocks:
    async def score(self, question, steps):
        if "hated" in question:
            Path("blocking").touch()
            time.sleep(100)
        return [0.5 for _ in steps]
"""
WORDS = ["policy=toy", "problems=jsonl", "problems.path=toy.jsonl", "searchers=beam", "budgets=1", "concurrency=1"]


@pytest.mark.parametrize("command", ["solve", "sweep"])
def test_a_second_ctrl_c_ends_a_plug_in_that_blocks(command: str, here: Path):
    Path("blocking_scorer.py").write_text(BLOCKS)
    own = ["scorer=custom", "scorer.cls=blocking_scorer:Blocks"]
    words = ["solve", "hated", "policy=toy", *own] if command == "solve" else ["sweep", *WORDS, *own, "out=run"]
    process = started(words, here)
    until = time.monotonic() + 60
    while not Path("blocking").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the first one waits for the plug-in"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err and "Task was destroyed" not in err, err
    if command == "sweep":
        assert "interrupted: " in err and "resume with run=run" in err
        assert lines() and all("hated" not in line["question"] for line in lines())
