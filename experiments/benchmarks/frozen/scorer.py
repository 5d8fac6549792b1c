"""The frozen world's scorers, as plug-ins: scorer=custom scorer.cls=experiments.benchmarks.frozen.scorer:Frozen"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policies.engines.prompt import encode_question
from scorers.prm import PRM
from search.errors import check_knob
from search.protocols import Scored
from search.tree.randomness import generator
from search.tree.step import Step

LARGEST = 30.0  # a logit; single precision has 1 from about 17 on


@dataclass(frozen=True)
class Frozen(PRM):
    """A small PRM on CPU whose scores are computed once and kept in a trie."""

    folder: str | None = None
    """where the tries are kept between runs; null: nowhere"""

    def _reader(self) -> Any:
        from experiments.benchmarks.frozen.steps import shared_reader

        return shared_reader(self.head, self.model, self.folder)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        ids, places = self._encode(question, steps)
        tokens = len(encode_question(self.reader.tokenizer, question, self.system_prompt))
        reader: Any = self.reader
        return await reader.read_steps(tokens, ids, places, since)


@dataclass(frozen=True)
class Weak(Frozen):
    """The same PRM, made as weak as real ones: noise on each step's logit, then a logistic recalibration.

    The noise is a function of the path and of the seed. The constants are those that
    `python -m experiments.benchmarks.frozen.calibrate` prints.
    """

    noise: float = 8.0
    """standard deviation of the normal noise on the logit"""
    noise_seed: int = 0
    """another seed, another noise"""
    slope: float = 0.1612
    """of the recalibration, which multiplies the noisy logit"""
    offset: float = 2.3368
    """of the recalibration, which is added to it"""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_knob(self, "noise", least=0)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        scored = await super().score(question, steps, since)
        texts = [step.text for step in steps]
        scores = [
            sigmoid(self.slope * self.noisy(score, question, texts[:depth]) + self.offset)
            for depth, score in enumerate(scored.scores, since + 1)
        ]
        return Scored(scores, scored.cost)

    def noisy(self, score: float, question: str, path: Sequence[str]) -> float:
        """The logit of a score, with the noise of its path."""
        return logit(score) + float(generator("frozen noise", self.noise_seed, question, *path).normal(0, self.noise))


def logit(score: float) -> float:
    """Bounded, so that a score of exactly 0 or 1 has one."""
    if score <= 0 or score >= 1:
        return math.copysign(LARGEST, score - 0.5)
    return max(-LARGEST, min(LARGEST, math.log(score) - math.log1p(-score)))


def sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))
