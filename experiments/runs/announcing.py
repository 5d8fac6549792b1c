"""Says what a sweep will do, and asks on a terminal where that takes long."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from experiments.runs.grid import Name
from experiments.runs.tally import Expected, Tally
from experiments.terminal import duration, is_quiet, number


def plan(todo: Sequence[Name], tally: Tally) -> str:
    """How many searches there are, of what."""
    problems, cells = len({name.place for name in todo}), len({name.cell.key for name in todo})
    of = f"of {problems:,} problem{'s' * (problems != 1)} in {cells:,} cell{'s' * (cells != 1)}"
    every = f"{tally.total:,}" if not tally.before else f"{tally.total:,} of {tally.before + tally.total:,}"
    return f"{every} searches to run, {of}" if todo else "no search is left to run"


def forecast(expected: Expected, left: int) -> str:
    """What the searches that are left will take, in words."""
    tokens = "an unknown number of tokens" if expected.tokens is None else f"{number(round(expected.tokens))} tokens"
    searches = "search that is left" if left == 1 else f"{left:,} searches that are left"
    return f"the {searches} will take about {duration(expected.seconds)} and {tokens}"


class Held(Sequence[Name]):
    """Searches of which no further one begins once `hold` says so; `rest` are those that have not begun."""

    def __init__(self, names: Sequence[Name], hold: Callable[[], bool]) -> None:
        self._names, self._hold, self._begun = names, hold, 0

    def __iter__(self) -> Iterator[Name]:
        for name in self._names:
            if self._hold():
                return
            self._begun += 1
            yield name

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, place: int) -> Name: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Name]: ...
    def __getitem__(self, place: Any) -> Any:
        return self._names[place]

    @property
    def rest(self) -> Sequence[Name]:
        return self._names[self._begun :]


def can_ask() -> bool:
    """Whether somebody reads and types at a terminal of this process; not with --quiet, and not in the background.

    CI and the shell commands of a notebook may have a terminal that nobody types at.
    """
    alone = os.environ.get("CI", "").lower() not in ("", "0", "false") or "JPY_PARENT_PID" in os.environ
    try:
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
    return terminal and not (alone or is_quiet() or _in_background())


def _in_background() -> bool:
    """Whether a shell would stop this process where it reads from the terminal."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except (AttributeError, ValueError, OSError):  # nothing controls it, or the system has no such groups
        return False


def agreed() -> bool:
    """Asks whether to go on; yes where only Enter is pressed. An end of the input is a no."""
    try:
        return input("Go on? [Y/n] ").strip().lower() in ("", "y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False
