"""What an analysis leaves out, and what it counts as wrong, in sentences for the reader."""

from collections.abc import Callable, Iterable

from experiments.analysis.cells import Cells
from experiments.runs.axes import AXIS_COST, LABELS, Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import CellKey, Result


def left_out(every: Cells, kept: Cells) -> list[str]:
    """The problems and searches of a run that its comparable cells do not have, and the failed ones that they have."""
    return [*_problems(every, kept), *_seeds(every, kept), *failures(kept)]


def _problems(every: Cells, kept: Cells) -> list[str]:
    without_gold = {result.problem for result in every.searches if result.gold is None}
    lines = [f"{len(without_gold)} of {len(every.problems)} problems have no gold answer and are left out"]
    missing = set(every.problems) - without_gold - set(kept.problems)
    ended = {key: len({r.problem for r in members}) for key, members in Cells(every.searches).by_key.items()}
    fewest = min(ended, key=ended.__getitem__)
    reason = f"did not end in every cell ({named(fewest)} has {ended[fewest]})"
    lines += [f"{len(missing)} of {len(every.problems)} problems are left out: they {reason}"]
    return [line for line, some in zip(lines, (without_gold, missing), strict=True) if some]


def _seeds(every: Cells, kept: Cells) -> list[str]:
    problems, there = set(kept.problems), {result.key for result in kept.searches}
    comparable = [result for result in every.searches if result.problem in problems]
    missing = sum(result.key not in there for result in comparable)
    if not missing:
        return []
    return [f"{missing} of {len(comparable)} searches are left out: their seed did not end in every cell"]


def failed_share(cells: Cells) -> str:
    """How many of the searches failed, in words; empty where none did."""
    failed = sum(result.error is not None for result in cells.searches)
    return f"{failed} of {len(cells.searches)} searches failed and count as wrong" if failed else ""


def failures(cells: Cells) -> list[str]:
    """A line that counts the failed searches of each cell that has some."""
    counts = _counts(cells, lambda result: result.error is not None)
    return [f"failed searches count as wrong, at their cost until then: {counts}"] if counts else []


def unknown_costs(cells: Cells, axis: Axis) -> list[str]:
    """A line that counts the searches of unknown cost of each cell that has some."""
    counts = _counts(cells, lambda result: AXIS_COST[axis](result.ledger) is None)
    return [f"{LABELS[axis].partition(',')[0]} are not known for {counts}, which have no place there"] if counts else []


def omissions(every: Cells, axes: Iterable[str]) -> list[str]:
    """What a chart of a run's comparable cells leaves out, on these axes."""
    kept = every.complete()
    unknown = [line for axis in axes if axis in AXIS_COST for line in unknown_costs(kept, Axis(axis))]
    return [*left_out(every, kept), *unknown]


def ended_by_scale(cells: Cells) -> list[str]:
    """A line that counts, by cell, the searches that ended at their n while a swept limit was not spent."""
    ended = _counts(cells, lambda result: bool(result.cell.limit) and result.stopped == "done" and not result.error)
    if not ended:
        return []
    return [f"ended at their n before the limit was spent: {ended}; a larger search.NAME.n spends more"]


def without_rule(cells: Cells, rule: str) -> list[str]:
    """A line that names the searchers without answers by the rule."""
    others = [name for name in cells.searchers if rule not in cells.rules[name]]
    return [f"{', '.join(others)}: no answers by {rule}, left out"] if others else []


def _counts(cells: Cells, counted: Callable[[Result], bool]) -> str:
    """For each cell that was searched: how many of its searches are counted."""
    found = {key: sum(map(counted, members)) for key, members in Cells(cells.searches).by_key.items()}
    totals = {key: len(members) for key, members in Cells(cells.searches).by_key.items()}
    return ", ".join(f"{named(key)} ({count} of {totals[key]})" for key, count in found.items() if count)


def named(key: CellKey) -> str:
    return key.searcher if key.searcher == GREEDY else f"{key.searcher} at {key.scale:g}"
