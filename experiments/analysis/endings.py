"""Of which searchers too many solutions came to nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping

from experiments.runs.endings import Endings
from experiments.runs.results import Result

MOST = 0.2  # of a searcher's leaves may come to nothing without a warning


def by_searcher(results: Iterable[Result]) -> dict[str, Endings]:
    """How the solutions of each searcher ended, over its searches that ended by themselves."""
    known: dict[str, list[Endings]] = {}
    for result in results:
        if result.endings is not None:
            known.setdefault(result.cell.searcher, []).append(result.endings)
    return {searcher: _together(endings) for searcher, endings in known.items()}


def losses(endings: Mapping[str, Endings]) -> dict[str, Endings]:
    """Those of which more than MOST was lost."""
    return {name: one for name, one in endings.items() if lost_share(one) > MOST}


def lost_share(endings: Endings) -> float:
    return sum(endings.lost.values()) / max(endings.leaves, 1)


def _together(endings: list[Endings]) -> Endings:
    lost = Counter[str]()
    for one in endings:
        lost.update(one.lost)
    cause = max(sorted(lost), key=lost.__getitem__, default=None)
    example = next((one.example for one in endings if one.cause == cause), "") if cause else ""
    return Endings(sum(one.leaves for one in endings), dict(lost), cause, example)
