"""Where steps and solutions end: one rule, the same on every engine.

A step ends where its boundary rule says so, by default with the token that completes the delimiter, or at
`max_step_tokens`. A solution ends at an end token, at a text of `stop`, or at a step's end once the step has a box with
an answer, unless its answer is read elsewhere. `max_steps`, `max_tokens` and the context cut it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from policies.engines.models import ModelError
from search.errors import KnobError, check_knob
from search.tree.confidence import Floor


class Vocabulary(NamedTuple):
    """What the rule needs of a model and its tokenizer."""

    texts: Sequence[str]  # of each id
    end_ids: frozenset[int]
    decode: Callable[[Sequence[int]], str]  # special tokens left out
    special: Mapping[str, int] = {}  # ids of the special tokens, such as <|im_end|>
    unknown: frozenset[int] = frozenset()  # ids of the model that the tokenizer does not have
    model: str = "the model"  # in messages

    def text(self, token_id: int) -> str:
        """The token's own text; empty where a model has more ids than its tokenizer."""
        return self.texts[token_id] if token_id < len(self.texts) else ""

    def ends(self, stop: Sequence[str]) -> frozenset[int]:
        """The end tokens, special tokens that `stop` names included."""
        return self.end_ids.union(self.special[text] for text in stop if text in self.special)

    def stop_texts(self, stop: Sequence[str]) -> tuple[str, ...]:
        """What `stop` names and is no special token."""
        return tuple(text for text in stop if text not in self.special)

    def check(self, token_id: int, logprob: float) -> None:
        """Raises ModelError where the log-probability is not finite: nothing that the model writes means anything."""
        if not math.isfinite(logprob):
            raise ModelError(
                f"{self.model}: its logits are not finite (token {token_id} has the log-probability {logprob}); half "
                "precision may overflow: try dtype=bfloat16 or dtype=float32; in float32 the weights are broken"
            )


@dataclass(frozen=True)
class Limits:
    """How far a path may go: `max_steps` steps, `max_tokens` generated tokens, `max_step_tokens` in one step."""

    max_steps: int = 40
    max_step_tokens: int = 512
    max_tokens: int = 2048
    ends_at_box: bool = True
    """whether a solution ends with a step that has a box with an answer"""
    stop: tuple[str, ...] = ()
    """texts, or special tokens, that end a solution"""
    most: int | None = None
    """tokens of one continuation, its thought included"""
    floor: Floor | None = None
    """how sure the model must be of the last tokens of a continuation"""
    waits: int = 0
    """how often a policy that would stop its thought, or its solution where it does not think, is made to go on"""
    wait_room: int = 0
    """tokens of the text with which it goes on"""

    def __post_init__(self) -> None:
        if "" in self.stop:
            raise KnobError(f"stop={list(self.stop)} names an empty text, which stands everywhere; leave it out")
        for knob in ("max_steps", "max_step_tokens", "max_tokens"):
            check_knob(self, knob, least=1)


def most_tokens(
    limits: Limits, steps_before: int, tokens_before: int, room: int, max_steps: int | None, thought: int = 0
) -> int:
    """The most tokens that a continuation may have, those of a thought included; at least one."""
    steps = limits.max_steps - steps_before
    steps = steps if max_steps is None else min(steps, max_steps)
    answer = max(1, min(max(1, steps) * limits.max_step_tokens, limits.max_tokens - tokens_before))
    return max(1, min(thought + answer, room, limits.most or room))
