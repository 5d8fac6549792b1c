"""What is left to do in a run that goes on, and whether its results fit what is asked of it now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from experiments.errors import RunError, one_of
from experiments.runs.grid import GREEDY, Cell, Name
from experiments.runs.results import RESULTS, Result, read_results


def results_so_far(folder: Path | None) -> list[Result]:
    """The results of a run; none where no search has ended yet."""
    path = None if folder is None else folder / RESULTS
    return read_results(path.parent) if path and path.exists() and path.stat().st_size else []


def remaining(names: Iterable[Name], ended: Sequence[Result]) -> list[Name]:
    """The searches that have not ended. A problem's greedy solution is the same under every seed."""
    done = {result.key for result in ended}
    greedy = {result.problem for result in ended if result.cell.searcher == GREEDY}
    return [name for name in names if name.key not in done and not _is_greedy(name, greedy)]


def _is_greedy(name: Name, problems: set[str]) -> bool:
    return name.cell.searcher == GREEDY and name.problem.id in problems


def renewed(grid: Sequence[Cell], results: Iterable[Result]) -> Iterator[Result]:
    """The results whose cell is now asked for other numbers of samples, with these numbers."""
    smaller = {cell.key: list(cell.smaller) for cell in grid}
    for result in results:
        if (wanted := smaller.get(result.cell)) is not None and result.smaller not in (wanted, None):
            yield replace(result, smaller=wanted)


def check_rule(results: Iterable[Result], rule: str) -> None:
    """Raises RunError where the trees of a run have been graded without the rule, which new ones would be graded by."""
    known: dict[str, set[str]] = {}
    for result in results:
        if result.error is None and result.selections:
            known.setdefault(result.cell.searcher, set(result.selections)).intersection_update(result.selections)
    lacking = [searcher for searcher, rules in known.items() if rule not in rules]
    if lacking:
        everywhere = sorted(set.intersection(*known.values()))
        raise RunError(
            f"selection={rule}: the run has no answers of {', '.join(lacking)} by it; choose from "
            f"{one_of(everywhere, rule)}, or start a new run with out="
        )
