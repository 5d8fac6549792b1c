"""Runs a program's blocks one after the other, as cells of a notebook; only what the last one prints is shown."""

import contextlib
import io
import os
import random
import sys
import traceback
from collections.abc import Sequence
from types import CodeType, ModuleType

FINE, RAISED = 0, 1


def run(blocks: Sequence[str], silent: int) -> int:
    """FINE, or RAISED where the last block raised an error, whose last line is then printed.

    `silent` is an open file that takes what the blocks before it print. What one of them raises is ignored.
    """
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    random.seed(0)
    out = os.dup(1)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    for block in blocks[:-1]:
        sys.stdout = sys.stderr = _file(silent)
        _run(block, main)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout = sys.stderr = _file(1)
    error = _run(blocks[-1], main)
    with contextlib.suppress(BaseException):  # the program may have closed or changed it
        sys.stdout.flush()
    if error is not None:
        os.write(1, f"{_last_line(error)}\n".encode(errors="replace"))
    return FINE if error is None else RAISED


def _file(number: int) -> io.TextIOWrapper:
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "replace", line_buffering=True)


def _run(block: str, main: ModuleType) -> BaseException | None:
    try:
        code: CodeType = compile(block, "<program>", "exec", dont_inherit=True)
        exec(code, main.__dict__)
    except SystemExit:
        return None
    except BaseException as error:
        return error
    return None


def _last_line(error: BaseException) -> str:
    """As Python ends its report of an error: "ZeroDivisionError: division by zero"."""
    try:
        return traceback.format_exception_only(error)[-1].strip()
    except BaseException:
        return type(error).__name__
