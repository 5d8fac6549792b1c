"""What stands on a reward model's decoder, by name. Loads no model library."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from policies.engines.models import ModelError

_RIGHT = {"+", "correct", "good", "positive", "right", "true", "yes", "1"}
_WRONG = {"-", "incorrect", "bad", "negative", "wrong", "false", "no", "0", "error"}


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


def right_label(model: str, names: Mapping[Any, str]) -> int:
    """Which of a classifier's two labels says that a step is right: the one so named, or else 1.

    `names` are the labels by number, as in the config's `id2label`. Raises ModelError unless there are two.
    """
    if len(names) != 2:
        raise ModelError(f"model={model} has {len(names)} labels; a step is wrong (0) or right (1)")
    first, second = (name.strip().lower() for _, name in sorted((int(number), name) for number, name in names.items()))
    return 0 if (first in _RIGHT and second not in _RIGHT) or (second in _WRONG and first not in _WRONG) else 1
