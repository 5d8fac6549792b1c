"""No process outlives its driver: stand-ins for engines, below drivers that are killed, end or crash."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policies.engines import guard_process
from policies.engines.guard_process import alive, parent_and_start
from tests.command_line import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the guard needs /proc")

ENGINE = "import subprocess, sys; p = subprocess.Popen(['sleep', '300']); print(p.pid, flush=True); p.wait()"
DRIVER = f"""
import os, signal, subprocess, sys, time
from policies.engines.guard import guard
engine = subprocess.Popen([sys.executable, "-c", {ENGINE!r}], stdout=subprocess.PIPE, text=True, start_new_session=True)
guard(engine.pid)
below = int(engine.stdout.readline())
forked = os.fork()  # holds what its parent held, and lives on
if not forked:
    os.close(1), time.sleep(20), os._exit(0)
print(engine.pid, below, forked, flush=True)
{{end}}
"""
WAIT = "time.sleep(300)"


def started(pid: int) -> guard_process.Process:
    now = parent_and_start(pid)
    assert now is not None
    return pid, now[1]


def driver(end: str) -> tuple["subprocess.Popen[str]", list[int], int]:
    """A driver, its engine and what stands below that, and a fork of the driver."""
    words = [sys.executable, "-c", DRIVER.format(end=end)]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout is not None
    engine, below, forked = map(int, process.stdout.readline().split())
    return process, [engine, below], forked


def gone(pids: list[int], seconds: float = 8) -> bool:
    until = time.monotonic() + seconds
    while any(map(parent_and_start, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, "os.abort()", "sys.exit(1)"])
def test_an_engine_ends_with_its_driver(end: "signal.Signals | str"):
    """Killed, terminated, interrupted, crashed, ended; also the processes below it; a fork of the driver lives on."""
    process, engine, forked = driver(end if isinstance(end, str) else WAIT)
    if not isinstance(end, str):
        assert all(map(parent_and_start, engine))
        process.send_signal(end)
    try:
        process.wait(20)
        assert gone(engine)
        assert parent_and_start(forked), "the guard killed what nobody had named"
    finally:
        if parent_and_start(forked):
            os.kill(forked, signal.SIGKILL)
        assert process.stdout is not None
        process.stdout.close()


def test_another_process_of_the_same_id_is_left_alone():
    process = subprocess.Popen(["sleep", "60"])
    try:
        pid, start = started(process.pid)
        assert alive((pid, start)) and not alive((pid, start - 1))
        guard_process.kill_all({(pid, start - 1)})
        assert process.poll() is None
        guard_process.kill_all({(pid, start)})
        assert process.wait(5) == -signal.SIGKILL
    finally:
        process.kill()


def test_what_loses_its_parent_before_the_driver_ends_is_still_known():
    """A worker of an engine that has died by itself belongs to nobody; the guard has seen it before."""
    code = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); input()"
    engine = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert engine.stdin is not None and engine.stdout is not None
    worker = int(engine.stdout.readline())
    named = guard_process.with_all_below({started(engine.pid)})
    assert {pid for pid, _ in named} == {engine.pid, worker}
    with engine.stdout:
        engine.stdin.write("\n")
        engine.stdin.close()
        engine.wait(10)
    assert parent_and_start(worker)
    guard_process.kill_all(named)
    assert gone([worker])
