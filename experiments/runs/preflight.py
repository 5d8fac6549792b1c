"""Checks before a run starts: the models load, and searchers, scorer and selection fit together."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from search.answers.selection import Rule, Selection
from search.errors import KindError
from search.protocols import Scorer
from search.solve import Searcher, solve
from search.tree import Node
from search.tree.scores import Use, conversion, reduction_for


def load_engines(*owners: Any) -> None:
    """Loads the models behind policies and scorers, which otherwise load at the first request."""
    for owner in owners:
        if hasattr(type(owner), "load"):
            owner.load()


class _FirstRequest(Exception):
    """The search has sent its first request."""


class _Probe:
    """A policy that ends a search at its first request."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> NoReturn:
        raise _FirstRequest


def check_kinds(searchers: Mapping[str, Searcher], scorer: Scorer, selection: Selection) -> None:
    """Raises KindError where a searcher, the reduction or the vote cannot use the scorer's kind of score.

    A searcher checks the kind before its first request, so each one runs until that request.
    """
    reduction_for(scorer.kind, selection.reduction)
    if selection.rule is Rule.WEIGHTED:
        conversion(scorer.kind, Use.VOTE)
    if selection.rule is Rule.PARTICLE and not any(getattr(s, "populations", True) for s in searchers.values()):
        raise KindError("selection=particle needs search=particle_filter; choose best, majority or weighted")
    for name, searcher in searchers.items():
        try:
            asyncio.run(solve("", searcher, _Probe(), scorer))
        except _FirstRequest:
            pass
        except KindError as error:
            raise KindError(f"{name}: {error}") from error
