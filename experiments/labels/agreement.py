"""Two methods' labels held against each other: where both find the same first wrong step."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from experiments.labels.labels import Labelled, Labels, Method, first_wrong, total


class Agreement(NamedTuple):
    """Solutions that both have labelled, and those of them with the same first wrong step, or none in both."""

    both: int
    same: int


def agreement(mine: Iterable[Labels], theirs: Iterable[Labels]) -> Agreement:
    pairs = [pair for left, right in _shared(mine, theirs) for pair in _solutions(left, right)]
    return Agreement(len(pairs), sum(first_wrong(a.labels) == first_wrong(b.labels) for a, b in pairs))


def consensus(estimates: Iterable[Labels], verdicts: Iterable[Labels]) -> Iterator[Labels]:
    """The solutions in which both find the same first wrong step ("The Lessons of Developing Process Reward Models",
    arXiv 2501.07301, section 3.1), with the labels down to it and the values of the estimates.

    Its ledger is what both together have cost.
    """
    for left, right in _shared(estimates, verdicts):
        same = [a for a, b in _solutions(left, right) if first_wrong(a.labels) == first_wrong(b.labels)]
        kept = tuple(replace(a, labels=_until(a)) for a in same)
        ledger = total([left.ledger, right.ledger])
        yield replace(left, method=Method.CONSENSUS.value, solutions=kept, ledger=ledger)


def _until(solution: Labelled) -> tuple[bool | None, ...]:
    """The labels down to the first wrong step; what follows it says nothing."""
    end = first_wrong(solution.labels) + 1
    return solution.labels[:end] + (None,) * (len(solution.labels) - end)


def _shared(mine: Iterable[Labels], theirs: Iterable[Labels]) -> Iterator[tuple[Labels, Labels]]:
    other = {labels.problem: labels for labels in theirs}
    yield from ((labels, other[labels.problem]) for labels in mine if labels.problem in other)


def _solutions(left: Labels, right: Labels) -> Iterator[tuple[Labelled, Labelled]]:
    other = {solution.steps: solution for solution in right.solutions}
    yield from ((each, other[each.steps]) for each in left.solutions if each.steps in other)
