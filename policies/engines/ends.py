"""Where steps and solutions end: one rule, the same on every engine.

A step ends where its boundary rule says so, by default with the token that completes the delimiter, or at
`max_step_tokens`. A solution ends at an end token, at a text of `stop`, or at a step's end once the step has a box with
an answer, unless its answer is read elsewhere. `max_steps`, `max_tokens` and the context cut it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from policies.engines.boundary import Boundary, Token
from policies.engines.models import ModelError
from policies.engines.stops import Stops, tokens_in
from search.answers.boxes import has_boxed
from search.errors import KnobError, check_knob
from search.tree.step import End, Step

_BROKEN = "\ufffd"  # stands for bytes that are no whole character
_LONGEST = 8  # tokens of one character at most


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

    def __post_init__(self) -> None:
        if "" in self.stop:
            raise KnobError(f"stop={list(self.stop)} names an empty text, which stands everywhere; leave it out")
        for knob in ("max_steps", "max_step_tokens", "max_tokens"):
            check_knob(self, knob, least=1)


def most_tokens(limits: Limits, steps_before: int, tokens_before: int, room: int, max_steps: int | None) -> int:
    """The most tokens that a continuation may have; at least one."""
    steps = limits.max_steps - steps_before
    steps = steps if max_steps is None else min(steps, max_steps)
    return max(1, min(max(1, steps) * limits.max_step_tokens, limits.max_tokens - tokens_before, room))


class Cutter:
    """Cuts one continuation into steps as its tokens arrive: push them until `done`.

    `steps_before` and `tokens_before` count those of the path so far, `room` the tokens left in the context, and
    `max_steps` the requested steps (None: to the end of the solution). The first step begins with the `given` tokens,
    which count for no limit; they have log-probability and entropy 0. `before` is the text of the path, in which a text
    of `stop` may have begun.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        boundary: Boundary,
        limits: Limits,
        steps_before: int,
        tokens_before: int,
        room: int,
        max_steps: int | None,
        given: Sequence[int] = (),
        before: str = "",
    ) -> None:
        self.done = False
        self.steps: list[Step] = []
        self.tokens = 0
        """pushed so far"""
        self._vocabulary, self._boundary, self._limits = vocabulary, boundary, limits
        self._steps_before, self._tokens_before, self._steps_limit = steps_before, tokens_before, max_steps
        self._room = room
        self._most = most_tokens(limits, steps_before, tokens_before, room, max_steps)
        self._end_ids = vocabulary.ends(limits.stop)
        self._stops = Stops(vocabulary.stop_texts(limits.stop), "" if given else before)
        self._clear()
        for token_id in given:
            self._given += 1
            self._add(token_id, 0.0, 0.0)

    @property
    def left(self) -> int:
        """Tokens until it must end."""
        return max(1, self._most - self.tokens)

    @property
    def left_in_step(self) -> int:
        """Tokens until the running step must end."""
        return min(self.left, self._limits.max_step_tokens - len(self._ids) + self._given)

    def push(self, token_id: int, logprob: float, entropy: float | None = None) -> None:
        """Adds one generated token.

        Raises ValueError where the continuation has ended, ModelError where the log-probability is not finite.
        """
        if self.done:
            raise ValueError("a token was pushed onto a continuation that has ended")
        self._vocabulary.check(token_id, logprob)
        self.tokens += 1
        boundary = self._add(token_id, logprob, entropy)
        if token_id in self._end_ids:
            self._cut(End.EOS, closing=1)
        elif surplus := self._stops.push(self._texts[-1]):
            self._cut(End.EOS, tokens_in(self._texts[self._given :], surplus), surplus)
        elif end := End.DELIMITER if boundary else self._cause():
            self._cut(end)

    def _add(self, token_id: int, logprob: float, entropy: float | None) -> bool:
        """Whether the running step ends with this token, by the boundary rule."""
        self._ids.append(token_id)
        self._logprobs.append(logprob)
        self._texts.append(self._text(token_id))
        if entropy is not None:
            self._entropy.append(entropy)
        return self._ends(Token(token_id, self._texts[-1], logprob, entropy, len(self._ids) - self._given))

    def _text(self, token_id: int) -> str:
        """What the token adds to the step's text; a character in parts is added once it is whole."""
        text = self._vocabulary.text(token_id)
        if not self._parts and _BROKEN not in text:
            return text
        self._parts.append(token_id)
        text = self._vocabulary.decode(self._parts)
        if text.endswith(_BROKEN) and len(self._parts) < _LONGEST:
            return ""
        self._parts.clear()
        return text

    def _cause(self) -> End | None:
        """The limit at which the running step ends, or None where it continues."""
        if len(self._ids) - self._given >= self._limits.max_step_tokens:
            return End.STEP_TOKENS
        return self._limit()

    def _cut(self, end: End, closing: int = 0, surplus: int = 0) -> None:
        """Ends the step; its last `closing` tokens, or `surplus` characters, are what ended the solution."""
        text = self._vocabulary.decode(self._ids if surplus else self._ids[: len(self._ids) - closing])
        text = text[: max(0, len(text) - surplus)]
        if end is not End.EOS:
            end = End.ANSWER if self._limits.ends_at_box and has_boxed(text) else self._limit() or self._last() or end
        entropy = tuple(self._entropy) if len(self._entropy) == len(self._ids) else None
        step = Step(text, tuple(self._ids), tuple(self._logprobs), end, entropy, given=self._given, closing=closing)
        self.steps.append(step)
        self.done = step.finished or step.truncated or len(self.steps) == self._steps_limit
        self._clear()

    def _limit(self) -> End | None:
        """The limit of the path that the last token reaches."""
        if self._tokens_before + self.tokens >= self._limits.max_tokens:
            return End.MAX_TOKENS
        return End.CONTEXT if self.tokens >= self._room else None

    def _last(self) -> End | None:
        """Whether the running step is the last that the path may have."""
        steps = self._steps_before + len(self.steps) + 1
        return End.MAX_STEPS if steps >= self._limits.max_steps else None

    def _clear(self) -> None:
        """Begins a step."""
        self._given = 0
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._entropy: list[float] = []
        self._texts: list[str] = []  # what each token adds
        self._parts: list[int] = []
        self._ends = self._boundary.watch()
