"""The process between a program and the rest of the machine; it imports nothing but Python's own modules.

It reads a Request from standard input, builds the walls, and forks: a keeper, which has the clock, and below it the
program. Its exit code is an Ending's. It ends, and all below it, with the process that started it.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial

from policies.engines.sandbox import filter, kernel, running
from policies.engines.sandbox.request import Ending, Request

_SLEEP = 3  # a program may take so many times its processor time by the clock
_FILES = 64
_BEGUN, _DONE, _REFUSED = b"+", b".", b"!"  # what the keeper is told of the program, which may write there, too


def main() -> None:
    request = Request(**json.load(sys.stdin))
    silent = os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 0)
    _or_refuse(lambda: _build(request))
    if os.getppid() != request.parent:
        os._exit(Ending.REFUSED)
    keeper = _fork(lambda: _keep(request, silent))
    os._exit(_exit_code(keeper))


def _or_refuse(builds: Callable[[], None], tells: Callable[[], object] = lambda: None) -> None:
    """Ends the process, with the reason, where a wall or limit cannot be had; `tells` is called before."""
    try:
        builds()
    except (OSError, KeyError, ValueError, AttributeError) as error:
        tells()
        os.write(1, f"{type(error).__name__}: {error}".encode())
        os._exit(Ending.REFUSED)


def _build(request: Request) -> None:
    """The walls of this process and those below."""
    if not request.walls:
        os.chdir(request.root)
        return
    kernel.isolate(request.root, request.shown, request.scratch)
    kernel.die_with_parent()


def _fork(child: Callable[[], int]) -> int:
    """The id of a new process, which ends with the code that `child` returns."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os._exit(child())
    except BaseException:
        os._exit(Ending.ENDED)


def _exit_code(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else Ending.ENDED


def _keep(request: Request, silent: int) -> int:
    """Waits for the program, which is its child and, behind walls, ends with it as all other processes there."""
    if sys.platform == "linux":
        kernel.die_with_parent()
    os.setsid()
    done, finished = os.pipe()
    program = _fork(lambda: _start(request, silent, finished))
    os.close(finished)
    signal.signal(signal.SIGALRM, partial(_too_late, program))
    signal.alarm(_SLEEP * request.seconds)
    _, status, used = os.wait4(program, 0)
    signal.alarm(0)
    told = os.read(done, 2)
    if told.startswith(_REFUSED):
        return Ending.REFUSED
    if told != _BEGUN + _DONE:
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        over = killed == signal.SIGXCPU or (
            killed == signal.SIGKILL and used.ru_utime + used.ru_stime >= request.seconds
        )
        return Ending.TIME if over else Ending.ENDED
    return Ending.RAISED if os.waitstatus_to_exitcode(status) == running.RAISED else Ending.FINE


def _too_late(program: int, *_: object) -> None:
    os.kill(program, signal.SIGKILL)
    os._exit(Ending.TIME)


def _start(request: Request, silent: int, finished: int) -> int:
    """The program's own process."""
    os.setsid()  # a signal to its group reaches nothing but itself
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path += request.paths
    _or_refuse(lambda: _limit_all(request), lambda: os.write(finished, _REFUSED))
    os.write(finished, _BEGUN)
    code = running.run(request.blocks, silent)
    os.write(finished, _DONE)
    return code


def _limit_all(request: Request) -> None:
    _limit(resource.RLIMIT_CPU, request.seconds, request.seconds + 1)
    _limit(resource.RLIMIT_FSIZE, request.scratch)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":  # macOS takes no limit below what a process has already reserved
        _limit(resource.RLIMIT_AS, request.memory)
    if sys.platform == "linux" and not request.walls:
        kernel.die_with_parent()
    try:
        filter.install()
    except (OSError, KeyError, AttributeError):  # not Linux, or a kernel or machine without such filters
        if request.walls or os.geteuid() == 0:  # the limit on processes is not for root
            raise


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    """Raises ValueError where the system sets no such limit."""
    _, most = resource.getrlimit(which)
    hard = soft if hard is None else hard
    hard = hard if most == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(which, (min(soft, hard), hard))
