"""Whether two final answers are the same: the one relation that groups the votes and that grades.

Two answers are the same if they are the same text once `notation.py` has written them in one way, the same plain
number, or if Math-Verify finds each equal to the other. Its algebra may run for ever on hostile text, and its own time
limits need the main thread; so it works in processes of its own (`algebra.py`) that are killed at the limit. This
process never imports sympy.
"""

import cmath
import re
import weakref
from collections import deque
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from search.answers.equivalence_worker import Worker
from search.answers.notation import as_latex
from search.answers.numerals import are_apart, based, plain_number
from search.errors import check_knob

LONGEST = 2_000  # characters; a longer answer equals only the same text
_REMEMBERED = 1 << 15  # verdicts: some megabytes of ordinary answers
REACH = 6e-6  # relative, of two numbers that may be equal: six significant digits, and room for rounding
_TEXT = re.compile(r"\\text\{ *\(?([a-zA-Z][^{}()]*)\)? *\}")
_UNREADABLE = complex("nan")  # the number of an answer that equals only the same text


class Equivalence:
    """The relation. Call it from any thread, and from a coroutine through `asyncio.to_thread`, for it blocks.

    It is reflexive and symmetric, not transitive: a decimal equals every number that it agrees with to six significant
    digits (two plain numbers are compared exactly), `10%` equals 10 and 0.1, `52_8` and `52_9` equal 52. An answer that
    cannot be read as a whole equals only the same text. An answer is first read alone: one that takes longer than
    `seconds` equals only the same text, which is found out once and not against every other answer. Two readable
    answers are then compared; where that takes longer, or ends the process twice, they differ. All this is remembered.
    """

    def __init__(self, seconds: float = 5.0, workers: int = 1) -> None:
        """`seconds` of processor time to read or compare, at most an hour; `workers` processes at a time, at most."""
        self.seconds, self.workers = seconds, workers
        check_knob(self, "seconds", above=0, most=3600)
        check_knob(self, "workers", least=1)
        self._turns = BoundedSemaphore(workers)
        self._idle: deque[Worker] = deque()
        self._equal = lru_cache(maxsize=_REMEMBERED)(self._compare)
        self._number = lru_cache(maxsize=_REMEMBERED)(self._read)
        weakref.finalize(self, _stop_all, self._idle)  # at the latest when Python exits

    def __call__(self, first: str, second: str) -> bool:
        """Whether the two answers are the same. Raises RuntimeError where no process can be started."""
        if first.strip() == second.strip():
            return True
        a, b = sorted((reading_of(first), reading_of(second)), key=lambda reading: reading.latex)
        if a.base != b.base and a.base and b.base:
            return False
        if a.latex == b.latex:
            return True
        if not (a.readable and b.readable):
            return False
        if a.plain is not None and b.plain is not None:
            return a.plain == b.plain
        if a.word and b.word:
            return a.word == b.word
        return self._equal(a.latex, b.latex)

    def value(self, expression: str) -> complex | None:
        """What an expression amounts to, each variable being a number that follows from its name; None where that
        cannot be told. Raises RuntimeError where no process can be started.
        """
        number = self.number(expression)
        return None if number is None or cmath.isnan(number) else number

    def number(self, answer: str) -> complex | None:
        """As `value`; NaN where the answer equals only the same text."""
        reading = reading_of(answer)
        if not reading.readable:
            return _UNREADABLE
        return self._number(reading.latex) if reading.plain is None else complex(reading.plain)

    def close(self) -> None:
        """Ends the processes that are idle. Safe at any time: a later question starts a new one."""
        _stop_all(self._idle)

    def _compare(self, first: str, second: str) -> bool:
        if _differ(self._number(first), self._number(second)):
            return False
        with suppress(TimeoutError):
            return self._ask(first, second)
        return False

    def _read(self, answer: str) -> complex | None:
        with suppress(TimeoutError):
            number = self._ask(answer)
            return None if number is None else complex(*number)
        return _UNREADABLE

    def _ask(self, *answers: str) -> Any:
        """A worker's reply. Raises TimeoutError where there is none."""
        with self._turns:
            for _ in range(2):  # a process may have died of an earlier question
                worker = self._take()
                with suppress(BrokenPipeError):
                    reply = worker.ask(answers)
                    self._idle.append(worker)
                    return reply
        raise TimeoutError("two processes died of the question")

    def _take(self) -> Worker:
        with suppress(IndexError):  # no more idle ones
            while not (worker := self._idle.pop()).alive:
                worker.stop()
            return worker
        return Worker(self.seconds)


def _differ(first: complex | None, second: complex | None) -> bool:
    """Whether the numbers rule equality out, which spares most pairs the algebra; None tells nothing, NaN all."""
    if first is None or second is None:
        return any(number is not None and cmath.isnan(number) for number in (first, second))
    allowed = REACH * max(abs(first), abs(second))
    return first != second and not abs(first - second) <= allowed


def _stop_all(idle: deque[Worker]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop().stop()


equivalent = Equivalence()
"""The shared relation: `equivalent(a, b)`, and `equivalent.close()`."""


class Reading(NamedTuple):
    """An answer as it is compared: its text in one form, and what that tells without algebra."""

    latex: str
    plain: Fraction | None
    """where it is a plain number in base ten"""
    base: int
    """0 where none is named"""
    readable: bool
    word: str = ""
    """the letters of an answer that is all text"""


@lru_cache(maxsize=_REMEMBERED)
def reading_of(answer: str) -> Reading:
    answer = answer.strip()
    if len(answer) > LONGEST:
        return Reading(answer, None, 0, readable=False)
    latex = as_latex(answer)
    digits, base = based(latex) or (latex, 0)
    plain = None if base else plain_number(latex)
    text = _TEXT.fullmatch(latex)
    word = text[1].replace(" ", "").lower() if text else ""
    return Reading(digits, plain, base, readable=bool(latex) and not are_apart(latex), word=word)
