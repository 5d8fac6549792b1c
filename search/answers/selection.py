"""From the finished leaves of a tree to one answer. Nothing here knows the right one, but `oracle`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from search.answers.boxes import boxed
from search.answers.equivalence import group
from search.errors import KindError
from search.tree import Node, Path, Tree
from search.tree.cost import Budget
from search.tree.scores import Array, Reduction, Use, conversion, normalise, reduction_for


class Rule(StrEnum):
    BEST = "best"
    MAJORITY = "majority"
    WEIGHTED = "weighted"
    PARTICLE = "particle"


class Vote(NamedTuple):
    """A group of equal answers: the first one's text, its weight under the rule, and the leaves behind it.

    `lots` is how often it is in a draw among equal weights: once, and under `best` once for each leaf of that score.
    """

    answer: str
    weight: float
    leaves: tuple[Node, ...]
    lots: int = 1


class Ballot(NamedTuple):
    """All votes, heaviest first and ties by lowest path. `answer` is None where no leaf finished with one.

    Weights that differ by rounding only, from the tenth digit on, are tied.
    """

    rule: Rule
    votes: list[Vote]

    @property
    def answer(self) -> str | None:
        return self.votes[0].answer if self.votes else None

    @property
    def tied(self) -> list[str]:
        """The answers that share the highest weight, each as often as it has lots: a single answer takes the first, an
        estimator their average.
        """
        first = [vote for vote in self.votes if _rounded(vote.weight) == _rounded(self.votes[0].weight)]
        return [vote.answer for vote in first for _ in range(vote.lots)]


@dataclass(frozen=True)
class Selection:
    """How a tree's finished leaves become one answer; each votes once, a particle filter's once a particle."""

    rule: Rule = Rule.WEIGHTED
    """best: the highest score; majority: most votes; weighted: votes weighted by score; particle: by particle weight"""
    reduction: Reduction | None = None
    """from a path's scores to its vote; the scorer kind's own where None"""

    def __call__(self, tree: Tree, budget: Budget | None = None) -> Ballot:
        """Raises KindError where the scorer's kind does not allow the rule. `budget` None is the tree's own."""
        voters = finished_leaves(tree, budget)
        groups = group([boxed(leaf.text()) for leaf in voters])
        weigh = {Rule.BEST: _best, Rule.MAJORITY: _majority, Rule.WEIGHTED: _weighted, Rule.PARTICLE: _particle}
        weights = weigh[self.rule](self, tree, voters, budget) if groups else np.empty(0)
        ranked: list[tuple[float, Path, Vote]] = []
        for members in groups:
            leaves, answer = tuple(voters[i] for i in members), boxed(voters[members[0]].text()) or ""
            weight, behind, lots = math.fsum(weights[members]), members, 1
            if self.rule is Rule.BEST:
                weight = float(weights[members].max())
                behind = [i for i in members if _rounded(weights[i]) == _rounded(weight)]
                lots = len(behind)
            ranked.append((-_rounded(weight), min(voters[i].path for i in behind), Vote(answer, weight, leaves, lots)))
        return Ballot(self.rule, [vote for _, _, vote in sorted(ranked, key=lambda entry: entry[:2])])


def finished_leaves(tree: Tree, budget: Budget | None = None) -> list[Node]:
    """The voters, [N]: every finished leaf once; of a particle filter, the last population's finished particles.

    Where no particle has finished, those that were completed when the search ended.
    """
    populations = tree.events("population", budget)
    last: list[Node] = populations[-1].data["nodes"] if populations else []
    if finished := [node for node in last if node.finished]:
        return finished
    return [leaf for leaf in tree.leaves(budget) if leaf.finished]


def oracle(tree: Tree, right: Callable[[str], bool], budget: Budget | None = None) -> bool:
    """pass@N: some finished leaf is right. For reference only; no search may see it."""
    texts = {boxed(leaf.text()) for leaf in tree.leaves(budget) if leaf.finished}
    return any(right(text) for text in texts if text is not None)


def allowed_rules(tree: Tree) -> list[Rule]:
    """The rules that the tree's scorer kind and its searcher support."""
    rules = [Rule.BEST, Rule.MAJORITY]
    try:
        conversion(tree.kind, Use.VOTE)
        rules.append(Rule.WEIGHTED)
    except KindError:
        pass
    return [*rules, Rule.PARTICLE] if any(event.name == "population" for event in tree.record) else rules


def _rounded(weight: float) -> float:
    return float(f"{weight:.10g}")


def _reduced(selection: Selection, tree: Tree, voters: Sequence[Node]) -> Array:
    reduction = reduction_for(tree.kind, selection.reduction)
    return np.array([leaf.value(reduction) for leaf in voters], dtype=np.float64)


def _best(selection: Selection, tree: Tree, voters: Sequence[Node], budget: Budget | None) -> Array:
    return _reduced(selection, tree, voters)


def _majority(selection: Selection, tree: Tree, voters: Sequence[Node], budget: Budget | None) -> Array:
    return np.ones(len(voters))


def _weighted(selection: Selection, tree: Tree, voters: Sequence[Node], budget: Budget | None) -> Array:
    return conversion(tree.kind, Use.VOTE).convert(_reduced(selection, tree, voters))


def _particle(selection: Selection, tree: Tree, voters: Sequence[Node], budget: Budget | None) -> Array:
    """Weights of the finished particles before their population was resampled."""
    populations = tree.events("population", budget)
    if not populations:
        raise KindError("the particle rule needs a particle filter's tree; choose best, majority or weighted")
    data = populations[-1].data
    finished = [node.finished for node in data["nodes"]]
    if not any(finished):
        return np.ones(len(voters))
    return normalise(np.array(data["log_weights"], dtype=np.float64))[finished]
