"""Programs that would hang, hog the machine or outlive who asked for them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policies.engines.guard_process import Process, alive, parent_and_start, with_all_below
from policies.engines.sandbox.request import Ending
from policies.engines.sandbox.sandbox import Sandbox
from tests.command_line import ROOT
from tests.engines.test_sandbox import QUICK, run, sandbox, walls
from tests.patience import patience

__all__ = ["sandbox"]

FORGES = """import os
for number in range(3, 64):
    try:
        os.write(number, b"!")  # as the process writes that refuses a limit
    except OSError:
        pass
"""
HANGS = [
    ("while True: pass", Ending.TIME, "TimeoutError"),
    ("while True: print('a' * 100)", Ending.ENDED, "(more was printed)"),
    ("x = []\nwhile True: x.append(bytearray(1 << 26))", Ending.RAISED, "MemoryError"),
    ("import os\nos._exit(0)", Ending.ENDED, "ended its process"),
    (f"{FORGES}os._exit(0)", Ending.ENDED, "ended its process"),
]
MORE = [
    ("import time; time.sleep(1000)", Ending.TIME, "TimeoutError"),
    ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", Ending.TIME, "Timeout"),
    ("import os\nos._exit(44)", Ending.ENDED, "ended its process"),
    ("import os, signal\nos.killpg(0, signal.SIGKILL)", Ending.ENDED, "or was killed"),
    ("import os\nos.abort()", Ending.ENDED, "ended its process"),
    ("import os\nos.close(1); os.close(2); os.closerange(0, 60)\nprint(1)", Ending.ENDED, ""),
    ("import os\nwhile True: os.fork()", Ending.RAISED, "PermissionError"),
    ("x = [0] * (1 << 40)", Ending.RAISED, "MemoryError"),
    ("x = []\nwhile True: x.append(bytes([1]) * (1 << 20))", Ending.RAISED, "MemoryError"),
    ("open('big', 'wb').write(bytes(1 << 26))", Ending.RAISED, "Error"),
    ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", None, ""),
    ("class E(Exception):\n    def __str__(self): raise E\nraise E", Ending.RAISED, "E"),
    ("import sys\nsys.stdout.close()", Ending.FINE, ""),
    ("import ctypes\nctypes.string_at(0)", Ending.ENDED, "ended its process"),
    ("print('a' * 4096)", Ending.ENDED, "(more was printed)"),
    ("print('a' * 4095)", Ending.FINE, "a"),
]


def check(program: str, ending: Ending | None, says: str, sandbox: Sandbox) -> None:
    start = time.monotonic()
    outcome = run(program, sandbox=sandbox)
    assert says in outcome.output and len(outcome.output) < 5000
    assert outcome.ending is (outcome.ending if ending is None else ending) and outcome.fine is (ending is Ending.FINE)
    assert time.monotonic() - start < patience(8)


@walls
@pytest.mark.parametrize(("program", "ending", "says"), HANGS)
def test_nothing_hangs(program: str, ending: Ending, says: str) -> None:
    check(program, ending, says, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "ending", "says"), [*HANGS, *MORE])
def test_nothing_hangs_at_all(program: str, ending: Ending | None, says: str, sandbox: Sandbox) -> None:
    check(program, ending, says, sandbox)


@walls
def test_a_program_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    """Killed, the asker takes the program with it, which would sleep for 30 s by the clock."""
    program = "import time\nopen('begun', 'w')\ntime.sleep(1000)"
    code = f"from policies.engines.sandbox.sandbox import *; Sandbox(seconds=10).run([{program!r}])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    asker = subprocess.Popen([sys.executable, "-c", code], env=environment)
    below = until(lambda: with_all_below({started(asker.pid)}), lambda found: len(found) >= 4)
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    assert until(lambda: [process for process in below if alive(process)], lambda left: not left) == []


def started(pid: int) -> Process:
    now = parent_and_start(pid)
    assert now is not None
    return pid, now[1]


def until(what: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + patience(10)
    while not holds(found := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return found
