"""Whether two final answers are the same: the one relation that groups the votes and that grades.

Two answers are the same if they are the same text, the same plain number, or if Math-Verify finds each equal to the
other. Its algebra may run for ever on hostile text, and its own time limits need the main thread; so it is asked in
a process of its own, `equivalence_worker.py`, which is killed at the limit. This process never imports sympy.
"""

import json
import os
import re
import sys
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from subprocess import PIPE, Popen
from threading import BoundedSemaphore, Thread
from typing import IO

from search.errors import check_knob

LONGEST = 2_000  # characters; a longer answer equals only the same text
_REMEMBERED = 1 << 15  # verdicts: some megabytes of ordinary answers
_START_SECONDS = 60.0  # for importing sympy, even on a busy machine
_PLAIN_NUMBER = re.compile(r"-?\d{1,25}(\.\d{1,25})?", re.ASCII)


class Equivalence:
    """The relation. Call it from any thread, and from a coroutine through `asyncio.to_thread`, for it blocks.

    It is reflexive and symmetric, not transitive: a decimal equals every fraction that it agrees with to six places
    (two plain numbers are compared exactly). A question that takes longer than `seconds`, or that ends the process it
    is put to twice, is answered False and, like every answer, remembered.
    """

    def __init__(self, seconds: float = 5.0, workers: int = 1) -> None:
        """`seconds` for one question, at most an hour; up to `workers` processes at a time, started when needed."""
        self.seconds, self.workers = seconds, workers
        check_knob(self, "seconds", above=0, most=3600)
        check_knob(self, "workers", least=1)
        self._turns = BoundedSemaphore(workers)
        self._idle: deque[_Worker] = deque()
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._decide)
        weakref.finalize(self, _stop, self._idle)  # at the latest when Python exits

    def __call__(self, first: str, second: str) -> bool:
        """Whether the two answers are the same. Raises RuntimeError where no process can be started."""
        first, second = sorted((first.strip(), second.strip()))
        if first == second:
            return True
        if max(len(first), len(second)) > LONGEST:
            return False
        if _PLAIN_NUMBER.fullmatch(first) and _PLAIN_NUMBER.fullmatch(second):
            return Fraction(first) == Fraction(second)
        return self._remembered(first, second)

    def close(self) -> None:
        """Ends the processes that are idle. Safe at any time: a later question starts a new one."""
        _stop(self._idle)

    def _decide(self, first: str, second: str) -> bool:
        with self._turns:
            for _ in range(2):  # a process may have died of an earlier question, which is no verdict on this one
                worker = self._take()
                verdict = worker.ask(first, second)
                if worker.alive:
                    self._idle.append(worker)
                if verdict is not None:
                    return verdict
        return False

    def _take(self) -> "_Worker":
        with suppress(IndexError):  # no more idle ones
            while not (worker := self._idle.pop()).alive:
                pass
            return worker
        return _Worker(self.seconds)


class _Worker:
    """One process, and the thread that brings its lines to where they can be awaited with a limit."""

    def __init__(self, seconds: float) -> None:
        script = Path(__file__).with_name("equivalence_worker.py")
        self._process = Popen(
            [sys.executable, "-P", str(script), str(seconds)],  # -P: this folder's files must not hide other modules
            stdin=PIPE,
            stdout=PIPE,
            encoding="utf-8",
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
        with suppress(Empty):
            if self._hear(_START_SECONDS):
                return
        raise RuntimeError("the process that compares answers did not start; is math-verify installed?")

    @property
    def alive(self) -> bool:
        """False also in a fork of the process that started it: two may not share one pipe."""
        return self._process.poll() is None

    def ask(self, first: str, second: str) -> bool | None:
        """The verdict, which is False at the limit and None if the process died. In both cases it has been stopped."""
        try:
            self._questions.write(json.dumps([first, second]) + "\n")
            self._questions.flush()
        except OSError:
            self.stop()
            return None
        try:
            line = self._hear(self._seconds)
        except Empty:
            return False
        return json.loads(line) if line else None

    def _hear(self, seconds: float) -> str:
        """The next line, "" if the process ended. Raises Empty at the limit."""
        line = ""
        try:
            line = self._lines.get(timeout=seconds)
        finally:
            if not line:  # interrupted, too: a late answer would be taken for the next question's
                self.stop()
        return line

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


def _stop(idle: deque[_Worker]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop().stop()


equivalent = Equivalence()
"""The shared relation: `equivalent(a, b)`."""


def group(answers: Sequence[str | None], equal: Callable[[str, str], bool] = equivalent) -> list[list[int]]:
    """Indices of equal answers, groups and members in order of appearance. None, no answer, is in no group.

    An answer joins the first group whose first member it equals, so the same text is always in the same group.
    """
    groups: list[list[int]] = []
    firsts: list[str] = []
    places: dict[str, int] = {}  # text -> its group, so that each text is compared once
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        if answer not in places:
            matches = (place for place, first in enumerate(firsts) if equal(first, answer))
            places[answer] = next(matches, len(groups))
        if places[answer] == len(groups):
            groups.append([])
            firsts.append(answer)
        groups[places[answer]].append(index)
    return groups
