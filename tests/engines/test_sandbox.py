"""Programs that a model wrote: what they print, and that nothing of them gets out and nothing hangs."""

import os
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from policies.engines.sandbox import sandbox as module
from policies.engines.sandbox.filter import REFUSED, instructions
from policies.engines.sandbox.request import Ending
from policies.engines.sandbox.sandbox import Outcome, RefusedError, Sandbox, Walls
from search import KnobError

QUICK = Sandbox(seconds=1, memory=256)
REASON = QUICK._reason  # pyright: ignore[reportPrivateUsage]
walls = pytest.mark.skipif(REASON is not None, reason=f"no walls for programs here: {REASON}")
posix = pytest.mark.skipif(os.name != "posix", reason="programs need a POSIX system")
SECRET = "3f1c-secret"


def run(*blocks: str, sandbox: Sandbox = QUICK) -> Outcome:
    return sandbox.run(blocks)


@pytest.fixture(params=[pytest.param(Walls.NAMESPACES, marks=walls), pytest.param(Walls.NONE, marks=posix)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made = Sandbox(request.param, seconds=1, memory=256)
    if reason := made._reason:  # pyright: ignore[reportPrivateUsage]
        pytest.skip(reason)
    return made


def test_blocks_are_cells_of_one_notebook(sandbox: Sandbox) -> None:
    first, second = "x = 2\nprint('first')\ndef f(): return x", "print(f() + 1)\nx + undefined"
    assert run(first, sandbox=sandbox) == Outcome("first", Ending.FINE)
    outcome = run(first, second, sandbox=sandbox)
    assert outcome == Outcome("3\nNameError: name 'undefined' is not defined", Ending.RAISED)
    assert outcome.whole and not outcome.fine
    assert run("import sys; sys.exit(3)", "print(__name__)", sandbox=sandbox).output == "__main__"
    assert run("print('é \\udcff')\nif:", sandbox=sandbox).output == "SyntaxError: invalid syntax"


@walls
def test_the_same_program_prints_the_same() -> None:
    program = "import random; print(random.random(), hash('a'), {*'abcdef'})"
    module._once.cache_clear()  # pyright: ignore[reportPrivateUsage]
    first = run(program).output
    module._once.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert run(program).output == first and run("import random", program).output == first


@posix
def test_a_path_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many ask for it at the same time."""
    ran = list[tuple[str, ...]]()

    def execute(sandbox: Sandbox, blocks: tuple[str, ...]) -> Outcome:
        time.sleep(0.02)
        ran.append(blocks)
        return Outcome(blocks[-1], Ending.FINE)

    monkeypatch.setattr(module, "_execute", execute)
    sandbox = Sandbox(Walls.NONE, seconds=17)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(sandbox.run, [("a", "b")] * 8))
    module._once.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert {outcome.output for outcome in outcomes} == {"b"}
    assert sorted(ran) == [("",), ("a",), ("a", "b")]


ATTEMPTS = """
import os, signal, socket, subprocess, threading
def attempt(name, what):
    try:
        print(name, what())
    except BaseException as error:
        print(name, type(error).__name__)
def connect(*address):
    with socket.socket() as s:
        s.connect(address)
attempt("proc", lambda: os.listdir("/proc"))
attempt("home", lambda: open(HOME).read())
attempt("write", lambda: open("/lib/x", "w"))
attempt("above", lambda: open("/x", "w"))
attempt("fork", os.fork)
attempt("thread", threading.Thread(target=print).start)
attempt("run", lambda: subprocess.run(["/bin/sh", "-c", "echo out"]))
attempt("exec", lambda: os.execv(PYTHON, ["python", "-c", "print(1)"]))
attempt("inet", lambda: connect("127.0.0.1", 22))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("stop parent", lambda: os.kill(os.getppid(), signal.SIGSTOP))
attempt("kill parent", lambda: os.kill(os.getppid(), signal.SIGKILL))
attempt("kill asker", lambda: os.kill(ASKER, signal.SIGKILL))
attempt("kill all", lambda: os.kill(-1, signal.SIGTERM))
attempt("user", lambda: os.setuid(0))
attempt("root", lambda: os.chroot("/scratch"))
attempt("limits", lambda: __import__("resource").setrlimit(0, (-1, -1)))
attempt("files", lambda: sorted(os.listdir(".")))
attempt("environment", lambda: [name for name, value in os.environ.items() if SECRET in value])
attempt("scratch", lambda: open("/scratch/file", "w").write("kept"))
attempt("again", lambda: open("file").read())
"""
FOUND = """proc FileNotFoundError
home FileNotFoundError
write OSError
above OSError
fork PermissionError
thread RuntimeError
run PermissionError
exec {exec}
inet PermissionError
unix PermissionError
stop parent None
kill parent None
kill asker ProcessLookupError
kill all {kill}
user OSError
root PermissionError
limits ValueError
files []
environment []
scratch 4
again kept"""


@walls
def test_nothing_gets_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A_TOKEN", SECRET)
    (tmp_path / "secret").write_text(SECRET)
    known = f"HOME, PYTHON, ASKER, SECRET = {str(tmp_path / 'secret')!r}, {sys.executable!r}, {os.getpid()}, {SECRET!r}"
    outcome = run(known, ATTEMPTS)
    expected = FOUND.splitlines()
    for place, line in enumerate(outcome.output.splitlines()):
        name = expected[place].split(" {")[0]
        assert line == expected[place] or ("{" in expected[place] and line.startswith(name)), line
        assert SECRET not in line and "out" not in line.split()
    assert outcome.fine and len(outcome.output.splitlines()) == len(expected)
    assert not Path("/scratch/file").exists()


@walls
def test_the_kernel_refuses_what_the_filter_names() -> None:
    """With the numbers of another table of the kernel's, too; those that would end the machine are not tried."""
    column = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    dangerous = {"reboot", "kexec_load", "init_module", "finit_module"}
    numbers = [(name, both[column]) for name, both in REFUSED.items() if name not in dangerous and both[column]]
    program = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {[*numbers, ("fork of x32", (1 << 30) + 57)]}:
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(number), *[0] * 6) != -1 or ctypes.get_errno() != 1:
        print(name, ctypes.get_errno())
"""
    assert run(program) == Outcome("", Ending.FINE) and len(numbers) > 40


@walls
@pytest.mark.slow
def test_files_have_limits() -> None:
    fills = "n = 0\nwith open('big', 'wb') as file:\n    while True:\n        n += file.write(bytes(1 << 20))"
    assert run(fills, "print(n >> 20)").output == "32"
    outcome = run("i = 0\nwhile True:\n    open(str(i), 'w').close()\n    i += 1", "print(i)")
    assert 4000 < int(outcome.output) < 4096


@walls
def test_a_block_that_did_not_come_to_its_end_leaves_nothing() -> None:
    assert run("x = 1", "x = 2\nimport os; os._exit(0)", "print(x)").output == "1"


@posix
def test_without_walls_what_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that needs no walls still runs; the error has the reason and the remedy."""
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with pytest.raises(KnobError, match=r"this is darwin.*sandbox=none"):
        Sandbox(seconds=2).run(["print(1)"])
    monkeypatch.undo()
    monkeypatch.setattr(module, "_shown", lambda: ("/no/such/folder",))
    module._once.cache_clear()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(KnobError, match=r"no sandbox here \(\w*Error"):
        Sandbox(seconds=2).run(["print(1)"])
    assert Sandbox(Walls.NONE, seconds=2).run(["print(1)"]).output == "1"


@walls
def test_a_refusal_later_on_is_an_error_and_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(seconds=3)
    sandbox.check()
    monkeypatch.setattr(module, "_shown", lambda: ("/no/such/folder",))
    with pytest.raises(RefusedError, match="mount"):
        sandbox.run(["print(9)"])
    monkeypatch.undo()
    assert sandbox.run(["print(9)"]).output == "9"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_jumps_to_its_last_two_instructions(machine: str) -> None:
    code = list(struct.iter_unpack("HBBI", instructions(machine)))
    allow, refuse = len(code) - 2, len(code) - 1
    assert [code[place][3] >> 16 for place in (allow, refuse)] == [0x7FFF, 0x0005]
    for place, (operation, yes, no, value) in enumerate(code[:-2]):
        wrong_machine = place == 1
        if operation in (0x15, 0x35):
            assert place + 1 + (no if wrong_machine else yes) == refuse and (yes if wrong_machine else no) == 0, value
    with pytest.raises(KeyError):
        instructions("riscv64")
