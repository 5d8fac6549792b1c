"""Says what a sweep will do before it does it, and asks on a terminal where that takes long."""

import sys
from collections import Counter
from collections.abc import Sequence

from experiments.runs.grid import Name
from experiments.runs.results import CellKey
from experiments.runs.tally import Expected, Tally
from experiments.terminal import duration, number

PILOT = 3  # searches of each cell, from which the cost of the others is expected


def plan(todo: Sequence[Name], tally: Tally) -> str:
    """How many searches there are, of what."""
    problems, cells = len({name.place for name in todo}), len({name.cell.key for name in todo})
    of = f"of {problems:,} problem{'s' * (problems != 1)} in {cells:,} cell{'s' * (cells != 1)}"
    every = f"{tally.total:,}" if not tally.before else f"{tally.total:,} of {tally.before + tally.total:,}"
    return f"{every} searches to run, {of}" if todo else "no search is left to run"


def forecast(expected: Expected) -> str:
    """What is left will take, in words."""
    tokens = "an unknown number of tokens" if expected.tokens is None else f"{number(round(expected.tokens))} tokens"
    soonest, latest = duration(expected.soonest), duration(expected.latest)
    time = f"{soonest} to {latest}" if expected.latest > 1.5 * expected.soonest and soonest != latest else latest
    return f"expected for what is left: about {tokens} and {time}"


def pilot(todo: Sequence[Name], tally: Tally) -> list[Name]:
    """The first searches of each cell of which nothing is known; at most a quarter of a cell, and at least one."""
    unknown = tally.unknown()
    sizes = Counter(name.cell.key for name in todo)
    taken: Counter[CellKey] = Counter()
    first: list[Name] = []
    for name in todo:
        key = name.cell.key
        if key in unknown and taken[key] < max(1, min(PILOT, sizes[key] // 4)):
            taken[key] += 1
            first.append(name)
    return first


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def agreed() -> bool:
    """Asks whether to go on; yes where only Enter is pressed. An end of the input is a no."""
    try:
        return input("Go on? [Y/n] ").strip().lower() in ("", "y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False
