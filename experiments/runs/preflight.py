"""What a command does before it spends anything: load the models, and see that the pieces fit together."""

import asyncio
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NoReturn
from search.errors import KindError
from search.protocols import Scorer
from search.solve import Searcher
from search.tree.scores import Use
from search.tree.scores import conversion
from search.tree.scores import reduction_for
from search.answers.selection import Rule
from search.answers.selection import Selection
from search.solve import solve
from search.tree import Node


def load_engines(*owners: Any) -> None:
    """Loads the models behind policies and scorers, which else happens at the first request."""
    for owner in owners:
        if hasattr(type(owner), "load"):
            owner.load()


class _Asked(Exception):
    """The search has come to its first request."""


class _Probe:
    """A policy that ends a search at its first request."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> NoReturn:
        raise _Asked


def check_kinds(searchers: Mapping[str, Searcher], scorer: Scorer, selection: Selection) -> None:
    """Raises KindError where a searcher, the reduction or the vote cannot use the scorer's kind of score.

    A searcher looks at the kind before it asks for anything, so it runs up to its first request.
    """
    reduction_for(scorer.kind, selection.reduction)
    if selection.rule is Rule.WEIGHTED:
        conversion(scorer.kind, Use.VOTE)
    if selection.rule is Rule.PARTICLE and not any(getattr(s, "populations", False) for s in searchers.values()):
        raise KindError("selection=particle needs search=particle_filter; choose best, majority or weighted")
    for name, searcher in searchers.items():
        try:
            asyncio.run(solve("", searcher, _Probe(), scorer))
        except _Asked:
            pass
        except KindError as error:
            raise KindError(f"{name}: {error}") from error


