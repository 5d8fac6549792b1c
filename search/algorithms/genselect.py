"""Generative selection: the policy reads solutions and says which is best (GenSelect, arXiv 2507.17797)."""

import re
from collections import Counter
from dataclasses import dataclass

from search.algorithms.aggregates import draw, only_vote, remarks, solutions
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask
from search.tree import Node

PROMPT = (
    "Compare the solutions above: find the first wrong step of each, if there is one. Then say which one is best, in "
    "these words: Best: Solution N."
)
_NAMED = re.compile(r"\bsolution\s{0,3}#?(\d{1,4})", re.IGNORECASE)


@dataclass(frozen=True)
class GenSelect:
    """Solutions that are read and chosen by the policy itself.

    candidates = n solutions of the question
    for each of `readings` readings, all at once:
        k candidates, drawn without replacement, are shown in random order with `prompt`
        the one that the reading names last gets a vote
    A candidate's vote weight is the number of readings that chose it, so that `selection.rule=majority` counts readings
    and the default weighs them by the scorer. Where no reading names one that was shown, all candidates vote.
    """

    n: int = 8
    """candidates"""
    k: int = 8
    """candidates in one reading, as many as there are at most"""
    readings: int = 4
    """readings"""
    prompt: str = PROMPT
    """what the policy is told to do with the k candidates"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "k", least=2)
        check_knob(self, "readings", least=1)

    async def search(self, grow: Grower) -> None:
        candidates = await solutions(grow, [GO_ON] * self.n)
        if not candidates:
            return
        only_vote(grow, candidates)
        rng = grow.rng("select")
        shown = [draw(candidates, self.k, rng) for _ in range(self.readings)]
        told = [Ask(action="select", hint=self.prompt, sources=each) for each in shown]
        readings = await remarks(grow, told)
        chosen = Counter(_choice(node.text(), each) for node, each in zip(readings, shown, strict=True))
        if votes := {node: float(count) for node, count in chosen.items() if node is not None}:
            grow.electorate(votes, whole=True)


def _choice(reading: str, shown: tuple[Node, ...]) -> Node | None:
    """The candidate that a reading names last, if it was shown."""
    numbers = [int(number) for number in _NAMED.findall(reading)]
    return shown[numbers[-1] - 1] if numbers and 1 <= numbers[-1] <= len(shown) else None
