"""No process of an engine outlives this one, however this one ends: a guard process kills them at its end.

vLLM's own processes stay behind where their parent is killed, with all the memory that they hold.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

from policies.engines.guard_process import Process, parent_and_start

_SCRIPT = Path(__file__).with_name("guard_process.py")
_lock = threading.Lock()
_guarded: set[Process] = set()
_guard: "subprocess.Popen[bytes] | None" = None


def guard(pid: int) -> None:
    """From now on the process, and all below it, ends with this one. No effect where there is no /proc."""
    now = parent_and_start(pid)
    if now is None:
        return
    with _lock:
        _guarded.add((pid, now[1]))
        if not (_running() and _named({(pid, now[1])})):
            _start()
            _named(_guarded)


def start_guard() -> None:
    """Starts the guard, which is quicker to take a process once it runs."""
    with _lock:
        if Path("/proc/self/stat").exists() and not _running():
            _start()


def _running() -> bool:
    return _guard is not None and _guard.poll() is None


def _start() -> None:
    """In a session of its own, which no signal from a terminal reaches; it keeps no stream of this process open."""
    global _guard
    quiet = subprocess.DEVNULL
    words = [sys.executable, "-I", "-S", str(_SCRIPT)]
    _guard = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)


def _named(processes: set[Process]) -> bool:
    """Whether the guard could be told of them."""
    assert _guard is not None and _guard.stdin is not None
    try:
        os.write(_guard.stdin.fileno(), b"".join(b"%d %d\n" % process for process in processes))
    except OSError:
        return False
    return True


def _leave() -> None:
    """In a forked child: the pipe's end is the parent's alone, or the guard would wait for the child too."""
    global _guard, _lock
    if _guard is not None and _guard.stdin is not None:
        os.close(_guard.stdin.fileno())
        _guard.stdin = None
    _guard, _lock = None, threading.Lock()
    _guarded.clear()


os.register_at_fork(after_in_child=_leave)
