"""Process reward models: the probability that a step is right, in the formats that are in use."""

from dataclasses import dataclass
from typing import ClassVar

from policies.engines.prompt import SYSTEM_PROMPT
from scorers.checkpoints.forms import Form, Inline, Lines, Separated, Tagged, Turns
from scorers.checkpoints.heads import Head, Words
from scorers.reward_model import RewardModel, ServedRewardModel
from search.tree.scores import Kind

STEP_TAG = "<extra_0>"


@dataclass(frozen=True)
class PRM(ServedRewardModel):
    """Qwen2.5-Math-PRM: the probability of the positive class at the tag after each step."""

    model: str = "tiny-prm"
    """tiny-prm (the shipped one), a folder, or a hub name such as Qwen/Qwen2.5-Math-PRM-7B"""
    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""

    head: ClassVar[Head] = Head.PRM

    @property
    def form(self) -> Form:
        return Tagged(STEP_TAG, self.system_prompt)


@dataclass(frozen=True)
class TokenClassification(ServedRewardModel):
    """TRL's PRMTrainer: the probability of label 1 at the separator after each step."""

    separator: str = "\n"
    """as in training; TRL's own is a line break"""

    head: ClassVar[Head] = Head.TOKENS

    @property
    def form(self) -> Form:
        return Separated(self.separator)


@dataclass(frozen=True)
class LMHeadPRM(ServedRewardModel):
    """A causal language model that answers each step with a word: the share of `good` of both words' probability.

    With `tag` the steps stand in one text, a tag behind each, as Math-Shepherd (arXiv 2312.08935) was trained; without
    it they are a user's turns in a chat, as RLHFlow's models were.
    """

    tag: str | None = None
    """what stands behind each step; null: a chat"""
    good: str = "+"
    """the word for a right step"""
    bad: str = "-"
    """the word for a wrong step"""
    numbered: bool = True
    """with a tag: write `Step 1: ` before a step that does not begin so"""

    head: ClassVar[Head] = Head.WORDS

    @property
    def form(self) -> Form:
        return Turns(self.good) if self.tag is None else Inline(self.tag, self.numbered)

    @property
    def words(self) -> Words:
        return Words(self.good, self.bad)


@dataclass(frozen=True)
class ValueHead(RewardModel):
    """Skywork-o1-Open-PRM: the sigmoid of a value head at the last line break of each step."""

    kind = Kind.VALUE
    head: ClassVar[Head] = Head.VALUE

    @property
    def form(self) -> Form:
        return Lines()
