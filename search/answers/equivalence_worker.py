r"""Both ends of the process that reads and compares answers for `search.answers.equivalence`.

`Worker` runs this file and is the parent's end; `main` is the process. They speak one line of JSON each way:

    ["\\frac{1}{2}"]           -> [0.5, 0.0]   its value, real and imaginary part; see `_value`
    ["\\frac{1}{2}", "2/4"]    -> true         whether they are the same

The first line is "ready". The process ends with its stdin.
"""

import cmath
import json
import logging
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from queue import Empty, SimpleQueue
from subprocess import PIPE, Popen
from threading import Thread
from typing import IO, Any
from zlib import crc32

PATIENCE = 120.0  # seconds that a process may wait for its turn on a busy machine, beside the time that it computes
_MEMORY = 2 << 30  # bytes of address space, lest `9^{9^{9}}` push the machine into swap before it is killed
_PERCENT = re.compile(r"\s*(?:\\?%|percent(?:age)?|pct)$")


class Worker:
    """A running process, and the thread that brings its lines to where they can be awaited with a limit."""

    def __init__(self, seconds: float) -> None:
        """`seconds` of processor time for every question: the process's own timer kills it, even without a parent."""
        self._process = Popen(
            [sys.executable, "-P", __file__, str(seconds)],  # -P: this folder's files must not hide other modules
            stdin=PIPE,
            stdout=PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is not for it
            env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of sympy's terms must not differ between runs
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._seconds = seconds
        self._questions = self._process.stdin
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=_carry, args=(self._process.stdout, self._lines), daemon=True)
        self._reader.start()
        try:
            while json.dumps("ready") not in self._hear():  # a site's own start-up files may print something first
                pass
        except OSError as error:
            raise RuntimeError("the process that compares answers did not start; is math-verify installed?") from error

    @property
    def alive(self) -> bool:
        """False also in a fork of the process that started it, for two may not share a pipe."""
        return self._process.poll() is None

    def ask(self, answers: Sequence[str]) -> Any:
        """The reply. Otherwise the process is gone: raises TimeoutError, or BrokenPipeError if it died by itself."""
        try:
            self._questions.write(json.dumps(answers) + "\n")
            self._questions.flush()
        except BrokenPipeError:
            self.stop()
            raise
        return json.loads(self._hear())

    def _hear(self) -> str:
        line = ""
        try:
            line = self._lines.get(timeout=self._seconds + PATIENCE)
        except Empty:
            raise TimeoutError("the process did not get to its answer") from None
        finally:
            if not line:  # also when interrupted: a late reply would be taken for the next question's
                self.stop()
        if line:
            return line
        if self._process.returncode == -getattr(signal, "SIGPROF", 0):
            raise TimeoutError(f"no answer after computing for {self._seconds} seconds")
        raise BrokenPipeError("the process died")

    def stop(self) -> None:
        """Kills the process and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        with suppress(OSError):  # an unsent question
            self._questions.close()


def _carry(stdout: IO[str], lines: SimpleQueue[str]) -> None:
    with stdout:
        for line in stdout:
            lines.put(line)
    lines.put("")


def main(seconds: float) -> None:
    """The process: answers questions until stdin ends."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not reach the replies
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    reply = _algebra()
    reply(["1", r"\frac{2}{2}"])  # fills the grammar's tables now, not on the first question's time
    print(json.dumps("ready"), file=replies, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # only a failed start has something to tell the user
    for line in sys.stdin:
        _limit_time(seconds)
        text = json.dumps(reply(json.loads(line)))
        _limit_time(0)
        print(text, file=replies, flush=True)


def _algebra() -> Callable[[Sequence[str]], Any]:
    """Math-Verify as a function from question to reply."""
    library: Any = import_module("math_verify")  # here and not above: slow, untyped, and no business of the parent's
    logging.disable()
    # Only the LaTeX grammar: plain expressions would go through sympy's parse_expr, and so through eval.
    # No timeouts either, for they are signals: the parent's limit stands in for them.
    grammar = [library.LatexExtractionConfig()]

    @lru_cache(maxsize=1024)
    def parsed(answer: str) -> list[Any]:
        return library.parse(as_latex(answer), grammar, parsing_timeout=None)

    def equal(first: str, second: str) -> bool:
        # Sets may equal relations, so that `1 < x < 2` is `(1, 2)` both ways round.
        gold, target = parsed(first), parsed(second)
        return library.verify(gold, target, allow_set_relation_comp=True, timeout_seconds=None)

    def reply(answers: Sequence[str]) -> Any:
        if len(answers) == 1:
            return _value(parsed(answers[0]))
        # One way round is not enough: against the gold answer `1`, `2x + z = 1` is cut down to its right side.
        first, second = answers
        return equal(first, second) and equal(second, first)

    return reply


def _value(parsed: list[Any]) -> tuple[float, float] | None:
    """The value of an expression where each variable is a number that follows from its name.

    None where there is none: sets, relations, text (which is a symbol) and per cents are equal by rules of their own.
    NaN for a sum or integral that has none here: it would have none in any comparison, but take long to say so.
    """
    sympy: Any = import_module("sympy")
    expression: Any = parsed[0] if parsed else None
    if not isinstance(expression, sympy.Expr) or expression.is_Symbol or expression.has(sympy.UnevaluatedExpr):
        return None
    try:
        names = {symbol: str(symbol).encode() for symbol in expression.free_symbols}
        point = {symbol: sympy.Rational(5000 + crc32(name) % 10007, 10007) for symbol, name in names.items()}
        value = complex(expression.evalf(subs=point))
    except Exception:  # whatever sympy raises
        endless = expression.has(sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit)
        return (math.nan, math.nan) if endless else None
    return None if cmath.isnan(value) else (value.real, value.imag)


def as_latex(answer: str) -> str:
    r"""The answer as Math-Verify reads it best: boxed, with a per cent sign outside, where alone it is understood."""
    percent = _PERCENT.search(answer)
    return rf"$\boxed{{{answer[: percent.start()]}}}$ \%" if percent else rf"\boxed{{{answer}}}"


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not every system has this limit or lets it be set
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _limit_time(seconds: float) -> None:
    """Ends this process once it has computed for so many seconds; 0 takes it back.

    Processor time is what counts, so that a busy machine changes no verdict. No exception would reach into C code.
    """
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
