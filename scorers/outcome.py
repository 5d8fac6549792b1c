"""Outcome reward models: one number for a whole solution."""

from dataclasses import dataclass
from typing import ClassVar

from policies.engines.prompt import SYSTEM_PROMPT
from scorers.checkpoints.forms import Form, Whole
from scorers.checkpoints.heads import Head
from scorers.reward_model import ServedRewardModel
from search.tree.scores import Kind


@dataclass(frozen=True)
class Outcome(ServedRewardModel):
    """Qwen2.5-Math-RM, AceMath-RM and other sequence classifiers of one label: its raw number, unbounded."""

    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""

    kind = Kind.OUTCOME
    head: ClassVar[Head] = Head.OUTCOME

    @property
    def form(self) -> Form:
        return Whole(self.system_prompt)
