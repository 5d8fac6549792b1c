"""A scorer that knows the right labels of generated arithmetic and says them through noise: a yardstick for `judge`.

stepsearch judge data=labelled data.path=holdout.jsonl scorer=custom scorer.cls=experiments.tiny.noisy:Noisy
"""

import math
from collections.abc import Sequence

from experiments.problems import arithmetic
from search.errors import check_knob
from search.tree.randomness import generator
from search.tree.step import Step

SURE = 2.0  # the logit of a right step without noise; a wrong one's is its negative


class Noisy:
    """The logit of a step is 2 where it is right and -2 where it is wrong, plus normal noise; the same path, the same
    noise.
    """

    kind = "correctness"

    def __init__(self, error: float = 2.0, seed: int = 0) -> None:
        """`error` is the noise's standard deviation."""
        self.error, self.seed = error, seed
        check_knob(self, "error", least=0)

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        texts = [step.text.strip() for step in steps]
        labels = arithmetic.labels(question, texts)
        return [self._score(question, tuple(texts[:place]), right) for place, right in enumerate(labels, 1)]

    def _score(self, question: str, path: tuple[str, ...], right: bool) -> float:
        noise = generator("noisy labels", self.seed, question, path).normal(0, self.error)
        logit = (SURE if right else -SURE) + noise
        return 0.5 * (1 + math.tanh(logit / 2))
