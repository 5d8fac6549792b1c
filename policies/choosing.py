"""Which of several policies writes the next step."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from search.algorithms.thompson import Seen, beta
from search.errors import KindError, PolicyError
from search.tree import Node
from search.tree.randomness import generator
from search.tree.scores import Kind, Scope, Use, allows, conversion
from search.tree.step import Step


class Choice(StrEnum):
    """The rule by which a member is chosen."""

    UNCERTAINTY = "uncertainty"
    BANDIT = "bandit"


def uncertainty(step: Step) -> float:
    """The mean of -log p, in nats, of the tokens that the policy itself wrote; 0 where it wrote none.

    Its expectation is the mean entropy, by which arXiv 2502.06833 switches between models. Raises PolicyError where the
    step has no log-probabilities.
    """
    if len(step.logprobs) != len(step.token_ids) or not step.token_ids:
        raise PolicyError(
            f"policy.rule=uncertainty reads log-probabilities, and {step.writer or 'the writer of a step'} gives none; "
            "choose rule=bandit, or another member"
        )
    written = step.logprobs[step.written]
    return -float(np.mean(written)) if written else 0.0


def by_uncertainty(step: Step | None, thresholds: Sequence[float]) -> int:
    """How many of the thresholds, which rise, the step's uncertainty reaches; 0 for the first step of a path."""
    return 0 if step is None else sum(uncertainty(step) >= threshold for threshold in thresholds)


def scope_of(kind: Kind) -> Scope:
    """Of which scores a bandit makes a probability of one of this kind. Raises KindError for a ranking of siblings."""
    if not allows(kind, Use.LEAVES):
        raise KindError(f"policy.rule=bandit cannot use scores of kind {kind}; choose rule=uncertainty")
    return conversion(kind, Use.LEAVES).scope


class Bandit:
    """Thompson sampling among members, by the scores of what each has written near a node (arXiv 2503.04412).

    Near it are the judged children of the node and of those above it: what is judged elsewhere at the same time changes
    no choice. A member's mean score has the posterior that the paper's AB-MCTS-A has, from the prior beta(1/2, 1/2);
    scores that are no probabilities count by their place between the lowest and the highest. Raises KindError for
    scores that only rank siblings.
    """

    def __init__(self, node: Node, names: Sequence[str]) -> None:
        scope, scores = scope_of(node.tree.kind), _scores(node, names)
        self._seen = [Seen()] * len(names)
        for place, values in enumerate(scores):
            for value in values:
                self._seen[place] = self._seen[place].and_also(value)
        if scope is Scope.ALL and (known := [value for values in scores for value in values]):
            self._seen = [seen.scaled(min(known), max(known)) if seen.number else seen for seen in self._seen]

    def choose(self, seed: int, greedy: bool = False) -> int:
        """The member of the highest draw, the same for the same seed; if `greedy`, of the highest mean, the first."""
        if greedy:
            return int(np.argmax([(0.5 + seen.number * seen.mean) / (1 + seen.number) for seen in self._seen]))
        rng = generator("several", seed)
        return int(np.argmax([beta(seen, rng) for seen in self._seen]))


def _scores(node: Node, names: Sequence[str]) -> list[list[float]]:
    """[members]: the scores of the judged children of the node and of those above it, by their writer."""
    scores = [list[float]() for _ in names]
    above: Node | None = node
    while above is not None:
        for child in above.children.values():
            if child.birth is not None and child.score is not None and child.step and child.step.writer in names:
                scores[names.index(child.step.writer)].append(child.score)
        above = above.parent
    return scores
