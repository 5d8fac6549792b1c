"""Runs the console command on the toy world, in this process or in one of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from experiments.cli import COMMANDS, main
from experiments.runs.results import RESULTS
from tests.patience import patience

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
TOY = ("policy=toy", "scorer=toy")
RIGHT = "1"  # the toy world's right answer


def run(*words: object) -> int:
    """The exit code of `stepsearch words...`."""
    return main([str(word) for word in words])


def knobs_of(command: str) -> type:
    """The dataclass of a command's knobs."""
    return getattr(import_module(COMMANDS[command].module), command.capitalize())


def started(words: list[str], folder: Path, **options: Any) -> "subprocess.Popen[str]":
    """`stepsearch words...` as a process of its own, in a session of its own, with `folder` as its working folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def stopped(
    words: list[str], folder: Path, how: signal.Signals, after: Callable[[], bool], timeout: float = 60, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Runs a command, sends it a signal as soon as `after` is true, and waits for its end.

    SIGINT reaches its children as well, as from a terminal, and so does SIGKILL; SIGTERM goes to the process alone.
    """
    process = started(words, folder, **options)
    until = time.monotonic() + patience(timeout)
    while not after() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    if how is signal.SIGTERM:
        process.send_signal(how)
    else:
        os.killpg(process.pid, how)
    out, err = process.communicate(timeout=patience(60))
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def result_lines(folder: Path) -> list[str]:
    """The lines of a run's results so far."""
    path = folder / RESULTS
    return path.read_text().splitlines() if path.exists() else []
