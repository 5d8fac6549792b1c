"""Where steps and solutions end: one rule, the same on every engine.

A step ends with the token whose text contains the delimiter, or at `max_step_tokens`. A solution ends at the end
token, or at a step's end once the step holds a complete `\\boxed{}`. `max_steps`, `max_tokens` and the context cut it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from search.answers.boxes import has_boxed
from search.errors import check_knob
from search.tree.step import End, Step


class Vocabulary(NamedTuple):
    """What the rule needs from a tokenizer."""

    delimiter_ids: frozenset[int]  # ids whose own text contains the delimiter
    end_ids: frozenset[int]
    decode: Callable[[Sequence[int]], str]  # special tokens left out


@dataclass(frozen=True)
class Limits:
    """How far a path may go: `max_steps` steps, `max_tokens` generated tokens, `max_step_tokens` in one step."""

    max_steps: int = 40
    max_step_tokens: int = 512
    max_tokens: int = 2048

    def __post_init__(self) -> None:
        for knob in ("max_steps", "max_step_tokens", "max_tokens"):
            check_knob(self, knob, least=1)


class Cutter:
    """Cuts one continuation into steps as its tokens arrive: push them until `done`.

    `steps_before` and `tokens_before` count those of the path so far, `room` the tokens left in the context, and
    `max_steps` the requested steps (None: to the end of the solution).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        limits: Limits,
        steps_before: int,
        tokens_before: int,
        room: int,
        max_steps: int | None,
    ) -> None:
        self.done = False
        self.steps: list[Step] = []
        self.tokens = 0
        self.room = room
        self._vocabulary, self._limits = vocabulary, limits
        self._steps_before, self._tokens_before, self._steps_limit = steps_before, tokens_before, max_steps
        self._clear()

    def push(self, token_id: int, logprob: float, entropy: float | None = None) -> None:
        """Adds one generated token. Raises ValueError where the continuation has ended."""
        if self.done:
            raise ValueError("a token was pushed onto a continuation that has ended")
        self.tokens += 1
        self._ids.append(token_id)
        self._logprobs.append(logprob)
        if entropy is not None:
            self._entropy.append(entropy)
        end = self._cause(token_id)
        if end is not None:
            self._cut(end)

    def _cause(self, token_id: int) -> End | None:
        """Why the running step ends with this token, or None where it continues."""
        if token_id in self._vocabulary.end_ids:
            return End.EOS
        if token_id in self._vocabulary.delimiter_ids:
            return End.DELIMITER
        if len(self._ids) >= self._limits.max_step_tokens:
            return End.STEP_TOKENS
        return self._limit()

    def _cut(self, end: End) -> None:
        text = self._vocabulary.decode(self._ids)
        if end in (End.DELIMITER, End.STEP_TOKENS):
            end = self._after_boundary(text, end)
        entropy = tuple(self._entropy) if len(self._entropy) == len(self._ids) else None
        step = Step(text, tuple(self._ids), tuple(self._logprobs), end, entropy)
        self.steps.append(step)
        self.done = step.finished or step.truncated or len(self.steps) == self._steps_limit
        self._clear()

    def _after_boundary(self, text: str, end: End) -> End:
        """A boundary ends the solution where the step has its answer, or where a limit leaves no room for another."""
        if has_boxed(text):
            return End.ANSWER
        last = self._steps_before + len(self.steps) + 1 >= self._limits.max_steps
        return self._limit() or (End.MAX_STEPS if last else end)

    def _limit(self) -> End | None:
        """The limit that the last token reaches."""
        if self._tokens_before + self.tokens >= self._limits.max_tokens:
            return End.MAX_TOKENS
        return End.CONTEXT if self.tokens >= self.room else None

    def _clear(self) -> None:
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._entropy: list[float] = []
