"""The process that compares answers for `search.equivalence`, which runs this file; it ends when its stdin does.

It says `"ready"`, then reads questions `[first, second]` and writes `true` or `false`, one line of JSON each.
Its one argument is the parent's time limit in seconds: the parent enforces it, and kills.
"""

import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import IO

MEMORY = 2 << 30  # bytes of address space: `9^{9^{9}}` must not push the machine into swap before it is killed
_PERCENT = re.compile(r"\s*(?:\\?%|percent(?:age)?|pct)$")


def main(seconds: float) -> None:
    """Answers questions until stdin ends."""
    answers = _claim_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    same = _relation()
    same("1", r"\frac{2}{2}")  # fills the grammar's tables now rather than on the first question's time
    _write(answers, "ready")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # only a failed start has something to tell the user
    for line in sys.stdin:
        first, second = json.loads(line)
        _alarm(seconds + 1)
        verdict = same(first, second)
        _alarm(0)
        _write(answers, verdict)


def _relation() -> Callable[[str, str], bool]:
    """Equality of two answers by Math-Verify: each must be found equal to the other.

    One direction is not enough: with `1` as the gold answer the equation `2x + z = 1` is cut down to its right side.
    """
    # Not at the top of the file: what an import prints must not reach the answers.
    from math_verify import LatexExtractionConfig, parse, verify  # pyright: ignore[reportMissingTypeStubs]

    logging.disable()
    # Only the LaTeX grammar, never the plain expressions, which go through sympy's parse_expr and so through eval.
    # Both timeouts are off because they are signals; the parent's limit stands in for them.
    grammar = [LatexExtractionConfig()]

    @lru_cache(maxsize=1024)
    def parsed(answer: str) -> list[object]:
        return list(parse(as_latex(answer), grammar, parsing_timeout=None))  # pyright: ignore[reportUnknownArgumentType, reportArgumentType, reportUnknownMemberType]

    def equal(first: str, second: str) -> bool:
        # Sets may equal relations, so that `1 < x < 2` is `(1, 2)` both ways round.
        return verify(parsed(first), parsed(second), allow_set_relation_comp=True, timeout_seconds=None)  # pyright: ignore

    return lambda first, second: equal(first, second) and equal(second, first)


def as_latex(answer: str) -> str:
    r"""The answer as Math-Verify reads it best: boxed, with a per cent sign outside, where alone it is understood."""
    percent = _PERCENT.search(answer)
    return rf"$\boxed{{{answer[: percent.start()]}}}$ \%" if percent else rf"\boxed{{{answer}}}"


def _claim_stdout() -> IO[str]:
    """Keeps stdout for the answers and sends whatever a library prints to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return answers


def _write(answers: IO[str], message: object) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not every system has the limit or lets it be set
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _alarm(seconds: float) -> None:
    """Ends this process in so many seconds (0: not any more), so that it cannot run on when its parent was killed."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
