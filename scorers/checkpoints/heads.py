"""What stands on a reward model's decoder, by name. Loads no model library."""

from enum import StrEnum
from typing import Any, NamedTuple

from policies.engines.models import ModelError


class Head(StrEnum):
    """A kind of reward model, by what stands on top of its decoder."""

    PRM = "prm"  # two classes through a small network, Qwen2ForProcessRewardModel
    TOKENS = "token_classification"  # two classes, *ForTokenClassification
    WORDS = "lm_head_prm"  # two words of a causal language model
    VALUE = "value_head"  # one number, `v_head.summary` beside a causal language model
    LIKELIHOOD = "implicit"  # log-probabilities of all words of a causal language model
    OUTCOME = "outcome"  # one number for the whole, *ForSequenceClassification or Qwen2ForRewardModel


class Words(NamedTuple):
    """What a causal language model answers with: for a right step and for a wrong one."""

    good: str
    bad: str

    def ids(self, tokenizer: Any) -> tuple[int, int]:
        """The last token of each, as it stands behind other text. Raises ModelError where they are the same."""
        for name, word in (("good", self.good), ("bad", self.bad)):
            if not tokenizer.encode(word, add_special_tokens=False):
                raise ModelError(f"{name}={word!r}: the tokenizer makes no token of it; name another word")
        good, bad = (tokenizer.encode(word, add_special_tokens=False)[-1] for word in self)
        if good == bad:
            raise ModelError(f"good={self.good!r} and bad={self.bad!r} end in the same token; name two others")
        return good, bad
