"""From the finished leaves of a tree to one answer. Nothing here knows the right one, but `oracle`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from search.answers.answers import answers_of
from search.answers.voters import Indices, Voters
from search.errors import KnobError
from search.tree import Node, Tree
from search.tree.cost import Budget
from search.tree.electorate import ELECTORATE
from search.tree.marks import mark, marking_kind
from search.tree.scores import (
    Array,
    Kind,
    Reduction,
    Use,
    allows,
    conversion,
    fourth_power,
    itself,
    odds,
    reduction_for,
)

_REMEDY = "search.mark(tree, name, scorer) judges the finished leaves"


class Rule(StrEnum):
    """How a group of equal answers is weighed; w is a leaf's vote weight on the tree, one where none was given."""

    BEST = "best"  # the highest score of its leaves with w > 0
    MAJORITY = "majority"  # the sum of w
    WEIGHTED = "weighted"  # the sum of w f(score), f the kind's conversion
    ODDS = "odds"  # the sum of w f / (1 - f), for scores that are probabilities
    POWER4 = "power4"  # the sum of w f^4, likewise
    PARTICLE = "particle"  # the name of `weights` on a particle filter's tree: the answer's posterior probability
    WEIGHTS = "weights"  # the sum of w, as a share of a whole electorate
    DISTINCT = "distinct"  # the number of different solution texts


BY_SCORE: dict[Rule, Callable[[Array], Array]] = {Rule.WEIGHTED: itself, Rule.ODDS: odds, Rule.POWER4: fourth_power}
"""The rules that weigh a vote by its score: from converted scores, [N], to what each vote counts, [N]."""


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
        first = [vote for vote in self.votes if rounded(vote.weight) == rounded(self.votes[0].weight)]
        return [vote.answer for vote in first for _ in range(vote.lots)]


@dataclass(order=True)
class _Entry:
    """Sorts heaviest first, then by the first leaf behind the vote."""

    lightness: float
    place: int
    vote: Vote = field(compare=False)


@dataclass(frozen=True)
class Selection:
    """How a tree's finished leaves become one answer, each voting with the weight that the search gave it.

    MCTS gives a leaf the number of its visits, a particle filter its population's weights. The default, `weighted`,
    multiplies them by the score. `weights` and `particle` leave the score out: a particle filter's weights hold it
    already, and alone they are its posterior.
    """

    rule: Rule = Rule.WEIGHTED
    """best: the highest score; majority: most votes; weighted: votes weighted by score; odds: by its odds; power4:
    by its fourth power; particle: by particle weight; weights: by the search's weights alone; distinct: most different
    solutions"""
    reduction: Reduction | None = None
    """from the scores of a path to its vote; the scorer kind's own where None"""
    by: str | None = None
    """name of the second scorer that judged the finished leaves, to choose by its scores; None: by the guiding one's"""

    def __call__(self, tree: Tree, budget: Budget | None = None) -> Ballot:
        """Raises KindError where the scorer's kind does not allow the rule, and KnobError where `by` has not marked
        every voter. `budget` None is the tree's own.
        """
        return self.count(tree, Voters(tree, budget))

    def count(self, tree: Tree, voters: Voters) -> Ballot:
        """The ballot among voters that are read already, for several rules."""
        if not voters.groups:
            return Ballot(self.rule, [])
        weighed = self.weigh(tree, voters)
        entries = [_entry(self.rule, voters, members, weighed) for members in voters.groups]
        return Ballot(self.rule, [entry.vote for entry in sorted(entries)])

    def kind(self, tree: Tree) -> Kind:
        """Of the scorer that chooses. Raises KnobError where `by` has not marked the tree."""
        kind = tree.kind if self.by is None else marking_kind(tree, self.by)
        if kind is None:
            raise KnobError(f"Selection.by is {self.by}, but no scorer of that name has judged this tree; {_REMEDY}")
        return kind

    def value(self, tree: Tree, leaf: Node) -> float | None:
        """A leaf's scores by the scorer that chooses, reduced; None where it lacks one."""
        if self.by is None:
            return leaf.value(reduction_for(tree.kind, self.reduction))
        return mark(leaf, self.by, self.kind(tree), self.reduction)

    def weigh(self, tree: Tree, voters: Voters) -> Array:
        """[N]: what each voter brings to its answer, under the rule. Raises as a call does."""
        match self.rule:
            case Rule.BEST:
                values = self._values(tree, voters)
                return np.where(np.isnan(values), -np.inf, values)
            case Rule.WEIGHTED | Rule.ODDS | Rule.POWER4:
                convert = conversion(self.kind(tree), use_of(self.rule)).convert
                weighed = self._values(tree, voters)
                known = ~np.isnan(weighed)  # a solution that ends within its thought has no score, and no answer
                weighed[known] = BY_SCORE[self.rule](convert(weighed[known])) if known.any() else 0
                return voters.weights * weighed
            case Rule.MAJORITY:
                return voters.weights
            case Rule.WEIGHTS | Rule.PARTICLE:
                return voters.weights / (voters.total or 1.0)
            case Rule.DISTINCT:
                return voters.firsts()

    def _values(self, tree: Tree, voters: Voters) -> Array:
        """[N]: `value` of each voter; NaN where a score of the guiding scorer is missing."""
        kind = self.kind(tree)
        if self.by is None:
            return voters.values(reduction_for(kind, self.reduction))
        marks = voters.marks(self.by, kind, self.reduction)
        if np.isnan(marks).any():
            leaf = voters.leaves[int(np.isnan(marks).argmax())]
            raise KnobError(f"Selection.by is {self.by}, which has not judged leaf {leaf.name}; {_REMEDY}")
        return marks


def use_of(rule: Rule) -> Use:
    """What one of the rules `BY_SCORE` asks of the kind of a score."""
    return Use.VOTE if rule is Rule.WEIGHTED else Use.ODDS


def combine(rule: Rule, weighed: Array) -> float:
    """From the weights of a group's leaves to that of its answer."""
    return float(weighed.max()) if rule is Rule.BEST else math.fsum(weighed.tolist())


def lots(rule: Rule, weighed: Array, weight: float) -> Indices:
    """The places in a group of the leaves for each of which its answer is in a draw among equal weights: all whose own
    weight is the group's under `best`, else the first.
    """
    if rule is not Rule.BEST:
        return np.zeros(1, dtype=np.intp)
    same = weighed == weight
    for place in np.flatnonzero((np.abs(weighed - weight) <= 1e-8 * abs(weight)) & ~same).tolist():
        same[place] = rounded(weighed[place]) == rounded(weight)
    return np.flatnonzero(same)


def _entry(rule: Rule, voters: Voters, members: Sequence[int], weighed: Array) -> _Entry:
    theirs = weighed[members]
    weight = combine(rule, theirs)
    behind: list[int] = lots(rule, theirs, weight).tolist()
    leaves = tuple([voters.leaves[place] for place in members])
    vote = Vote(voters.answer(members), weight, leaves, len(behind))
    return _Entry(-rounded(weight), members[behind[0]], vote)


def oracle(tree: Tree, right: Callable[[str], bool], budget: Budget | None = None) -> bool:
    """pass@N: some finished leaf is right, whatever its weight. For reference only; no search may see it."""
    answers = answers_of(tree)
    texts = {answers.of(leaf.text()) for leaf in tree.leaves(budget) if leaf.finished}
    return any(right(text) for text in texts if text is not None)


def allowed_rules(tree: Tree, budget: Budget | None = None, by: str | None = None) -> list[Rule]:
    """The rules that the kind of the scorer that chooses and the tree's vote weights at the budget support, without
    those that can only repeat another: `distinct` where the tree carries weights, `particle` where they are a whole
    electorate. `by` as in `Selection`; the rules by score are left out where it has not marked the tree.
    """
    kind = tree.kind if by is None else marking_kind(tree, by)
    rules = [Rule.MAJORITY] if kind is None else [Rule.BEST, Rule.MAJORITY]
    if kind is not None and allows(kind, Use.VOTE):
        rules.append(Rule.WEIGHTED)
    if kind is not None and allows(kind, Use.ODDS):
        rules += [Rule.ODDS, Rule.POWER4]
    given = tree.events(ELECTORATE, budget)
    if any(event.data["whole"] for event in given):
        rules.append(Rule.PARTICLE)
    return [*rules, Rule.DISTINCT] if given else rules


def rounded(weight: float) -> float:
    """To ten digits: weights that differ by less are tied."""
    return float(f"{weight:.10g}")
