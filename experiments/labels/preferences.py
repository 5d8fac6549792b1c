"""Pairs of next steps after the same steps, one more valuable than the other: preferences."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.labels.merging import Question


class Worth(NamedTuple):
    """A step's value, the rollouts that it rests on, and what they are."""

    value: float
    rollouts: int
    estimator: str


def pairs(question: Question, margin: float) -> Iterator[dict[str, Any]]:
    """Of the steps that follow the same steps, the one of highest and the one of lowest value, if `margin` apart.

    Where solutions say different things of the same steps, that with the most rollouts holds.
    """
    following: dict[tuple[str, ...], dict[str, Worth]] = {}
    for solution in question.solutions:
        for place, value in enumerate(solution.values):
            if value is not None:
                worth = Worth(value, solution.rollouts[place], solution.estimator)
                steps = following.setdefault(solution.steps[:place], {})
                before = steps.get(solution.steps[place])
                if before is None or before.rollouts < worth.rollouts:
                    steps[solution.steps[place]] = worth
    for prefix, steps in following.items():
        chosen = max(steps, key=lambda step: steps[step].value)
        rejected = min(steps, key=lambda step: steps[step].value)
        high, low = steps[chosen], steps[rejected]
        if high.value - low.value >= margin:
            yield {
                "prompt": f"{question.text}\n\n{''.join(prefix)}",
                "chosen": chosen,
                "rejected": rejected,
                "margin": high.value - low.value,
                "values": [high.value, low.value],
                "rollouts": [high.rollouts, low.rollouts],
                "estimator": high.estimator,
            }
