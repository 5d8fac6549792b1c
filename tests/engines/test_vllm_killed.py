"""A sweep on vLLM that is killed, terminated or interrupted leaves no process behind."""

import random
import signal
import time
from pathlib import Path

import psutil  # pyright: ignore[reportMissingModuleSource]
import pytest

from tests.command_line import result_lines, started
from tests.models import vllm

WORDS = "sweep policy=vllm scorer=self budgets=16 problems.limit=60 out=run policy.context=1024 policy.cache_gb=0.2"
SECONDS = 10  # in which everything has ended
STARTS = 40  # seconds in which an engine starts and the searches run


def killed(folder: Path, how: signal.Signals, after: float, searches: bool = False) -> list[psutil.Process]:
    """Sends a signal to a sweep alone, some seconds after its first process or once a search has ended; what runs then.

    Its processes are those that were seen below it until then.
    """
    process = started([*WORDS.split(), "policy.gpu_memory=0.1"], folder)
    below: set[psutil.Process] = set()
    first, given_up = 0.0, time.monotonic() + 240
    while time.monotonic() < given_up and process.poll() is None:
        below |= set(psutil.Process(process.pid).children(recursive=True))
        first = first or (time.monotonic() if below else 0.0)
        if result_lines(folder / "run") if searches else first and time.monotonic() > first + after:
            break
        time.sleep(0.05)
    assert process.poll() is None, "the sweep ended before it was killed"
    process.send_signal(how)
    process.wait(60)
    end = time.monotonic() + SECONDS
    while (left := [each for each in below if runs(each)]) and time.monotonic() < end:
        time.sleep(0.1)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    return left


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@vllm
@pytest.mark.parametrize(("how", "after"), [(signal.SIGKILL, None), (signal.SIGKILL, 2.0), (signal.SIGTERM, 6.0)])
def test_no_engine_stays_behind(how: signal.Signals, after: float | None, tmp_path: Path):
    """While searches run, and while the engine starts."""
    assert not killed(tmp_path, how, after or 0.0, searches=after is None)


@vllm
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_random_moments(tmp_path: Path):
    moments = random.Random(7)
    for kill in range(10):
        folder = tmp_path / str(kill)
        folder.mkdir()
        assert not killed(folder, signal.SIGKILL, moments.uniform(0, STARTS)), f"kill {kill}"
