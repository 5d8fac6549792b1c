"""Runs programs that a model wrote, each in a process of its own, and returns what they print.

With walls (Linux) a program has no network, no file but Python's own and an empty folder, no other process, no
privilege, and limits of time, memory, output and files. It is no virtual machine: a hole in the kernel is a way out.
Without walls (`Walls.NONE`) nothing but the limits holds, and the filter where the kernel has one: the program can read
and write all that you can.
"""

import asyncio
import json
import os
import select
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from policies.engines.sandbox.request import Ending, Request
from search.errors import KnobError, check_knob

SCRATCH = 32 << 20  # bytes of files
REMEMBERED = 1 << 14  # outcomes
_ROOT = Path(__file__).parents[3]
_START = 120.0  # seconds that a busy machine may take to start and end a process
_COMMAND = "import sys; sys.path.append(sys.argv[1]); from policies.engines.sandbox.process import main; " \
    "sys.path.remove(sys.argv[1]); main()"  # fmt: skip
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"} | dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="sandbox")


class Walls(StrEnum):
    """What stands between a program and the machine."""

    NAMESPACES = "namespaces"
    """Linux's namespaces, and a filter on calls of the kernel"""
    NONE = "none"
    """nothing but the limits; on Linux the filter too, where the kernel has it"""


class Outcome(NamedTuple):
    """What a program printed, the last line of its error included, and how it ended."""

    output: str
    ending: Ending
    cut: bool = False
    """it printed more than is kept, and was ended there"""

    @property
    def fine(self) -> bool:
        return self.ending is Ending.FINE and not self.cut

    @property
    def whole(self) -> bool:
        """It came to its end, if with an error: what it has defined is there for what follows."""
        return self.ending in (Ending.FINE, Ending.RAISED) and not self.cut


class RefusedError(RuntimeError):
    """No program ran, because a wall or limit could not be had; the message has the reason."""


@dataclass(frozen=True)
class Sandbox:
    """Where programs run. `run` blocks; `in_turn(sandbox.run, blocks)` awaits it."""

    walls: Walls = Walls.NAMESPACES
    seconds: int = 5
    """of processor time; three times as much by the clock"""
    memory: int = 1024
    """MiB"""
    output: int = 4096
    """bytes that are kept of what it prints"""

    def __post_init__(self) -> None:
        _ = Walls(self.walls)
        check_knob(self, "seconds", least=1, most=3600)
        check_knob(self, "memory", least=64)
        check_knob(self, "output", least=1)

    def check(self) -> None:
        """Raises KnobError, with the reason, where the walls cannot be had here, or without walls the limits."""
        if (reason := self._reason) is not None:
            if self.walls == Walls.NONE:
                raise KnobError(f"no program can be run within limits here, not as root: {reason}")
            raise KnobError(
                f"no sandbox here ({reason}): run where Linux lets you make user namespaces, or type sandbox=none, "
                "with which a program that the model wrote reads and writes all that you can"
            )

    @property
    def _reason(self) -> str | None:
        """Why there are no walls, or no limits; None where they stand."""
        if os.name != "posix":
            return "limits need a POSIX system"
        if self.walls == Walls.NAMESPACES and sys.platform != "linux":
            return f"walls are built of Linux namespaces, and this is {sys.platform}"
        try:
            outcome = _remembered(self, ("",))
        except RefusedError as error:
            return str(error)
        return None if outcome.fine else outcome.output

    def run(self, blocks: Sequence[str]) -> Outcome:
        """The outcome of the last block, behind those before it, which run again without being shown.

        A block before it that did not come to its end is left out. Outcomes are remembered. Raises KnobError as
        `check`, RefusedError where the walls can no longer be had.
        """
        self.check()
        kept = list[str]()
        for block in blocks[:-1]:
            if _remembered(self, (*kept, block)).whole:
                kept.append(block)
        return _remembered(self, (*kept, blocks[-1]))


async def in_turn(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns that runs programs; as many run at a time as there are processors.

    Cancelled, it leaves a thread that ends by itself.
    """
    return await asyncio.get_running_loop().run_in_executor(_pool, function, *arguments)


class _Once:
    """The outcome of one path of programs, which is run once whoever asks for it meanwhile."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.outcome: Outcome | None = None


@lru_cache(maxsize=REMEMBERED)
def _once(sandbox: Sandbox, blocks: tuple[str, ...]) -> _Once:
    return _Once()


def _remembered(sandbox: Sandbox, blocks: tuple[str, ...]) -> Outcome:
    once = _once(sandbox, blocks)
    with once.lock:
        if once.outcome is None:
            outcome = _execute(sandbox, blocks)
            if outcome.ending is Ending.REFUSED:
                raise RefusedError(outcome.output or "its process was not started")
            once.outcome = outcome
        return once.outcome


def _execute(sandbox: Sandbox, blocks: tuple[str, ...]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="stepsearch-", ignore_cleanup_errors=True) as root:
        command = [sys.executable, "-P", "-s", "-S", "-B", "-c", _COMMAND, str(_ROOT)]
        request = Request(
            blocks,
            os.getpid(),
            sandbox.walls == Walls.NAMESPACES,
            root,
            _shown(),
            _packages(),
            sandbox.seconds,
            sandbox.memory << 20,
            SCRATCH,
        )
        with tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(request._asdict()).encode())
            stdin.seek(0)
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        try:
            return _outcome(process, sandbox, 3 * sandbox.seconds + _START)
        finally:
            if process.poll() is None:  # afterwards its number may be another's
                with suppress(OSError):
                    os.killpg(process.pid, 9)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _outcome(process: "subprocess.Popen[bytes]", sandbox: Sandbox, seconds: float) -> Outcome:
    """Reads until the process ends, has printed too much or takes too long; whoever holds the pipe then is ignored."""
    assert process.stdout is not None
    pipe, until, text = process.stdout.fileno(), time.monotonic() + seconds, b""
    poll = select.poll()  # select.select takes no file number above 1023
    poll.register(pipe)
    while len(text) <= sandbox.output and time.monotonic() < until:
        ended = process.poll() is not None
        if poll.poll(0 if ended else 50):
            if not (more := os.read(pipe, 1 << 16)):
                break
            text += more
        elif ended:
            break
    cut = len(text) > sandbox.output
    shown = text[: sandbox.output].decode(errors="replace")
    if cut:
        return Outcome(f"{shown}\n(more was printed)", Ending.ENDED, cut=True)
    try:
        code = process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        code = Ending.TIME
    ending = Ending(code) if code in list(Ending) else Ending.ENDED
    reasons = {
        Ending.TIME: f"TimeoutError: the program took longer than {sandbox.seconds} s",
        Ending.ENDED: "RuntimeError: the program ended its process or was killed",
    }
    return Outcome("\n".join(filter(None, [shown.rstrip("\n"), reasons.get(ending)])), ending)


@lru_cache(maxsize=1)
def _packages() -> tuple[str, ...]:
    """The folders of installed packages that this process uses."""
    named = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return tuple(dict.fromkeys(os.path.abspath(path) for path in named if Path(path).is_dir()))


@lru_cache(maxsize=1)
def _shown() -> tuple[str, ...]:
    """The folders that a program may read: Python's own, those of packages, and the system's libraries."""
    standard = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    folders = [*_LIBRARIES, os.path.join(sys.base_prefix, "lib"), *standard, *_packages()]
    shown = list[str]()
    for folder in folders:
        inside = any(Path(folder).is_relative_to(other) and not os.path.islink(other) for other in shown)
        if Path(folder).is_dir() and not inside:
            shown.append(os.path.abspath(folder))
    return tuple(shown)
