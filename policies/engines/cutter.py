"""Cuts what a model writes into steps, token by token."""

from collections.abc import Sequence

from policies.engines.boundary import Boundary, Token
from policies.engines.code_blocks import Fences
from policies.engines.ends import Limits, Vocabulary, most_tokens
from policies.engines.stops import Stops, tokens_in
from policies.engines.thinking import Stage, Thought
from search.answers.boxes import has_boxed
from search.tree.confidence import Window
from search.tree.step import End, Step

_BROKEN = "\ufffd"  # stands for bytes that are no whole character
_LONGEST = 8  # tokens of one character at most


class Cutter:
    """Cuts one continuation into steps as its tokens arrive: push them until `done`.

    `steps_before` and `tokens_before` count those of the path so far, `room` the tokens left in the context, and
    `max_steps` the requested steps (None: to the end of the solution). The first step begins with the `given` tokens,
    which count for no limit; they have log-probability and entropy 0. `before` is the text of the path, in which a text
    of `stop` may have begun. A `thought` counts by itself, not among these steps and tokens: nothing but its closing
    tag, its own limits, the context, the floor of its confidence and the end token ends it. By `fences` a program ends
    its step and the continuation, and no delimiter within it ends a step.
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
        thought: Thought | None = None,
        fences: Fences | None = None,
    ) -> None:
        self.done = False
        self.steps: list[Step] = []
        self.tokens = 0
        """pushed so far"""
        self.observed: list[int] = []
        """tokens that the continuation has got since from elsewhere, which the engine is to read before it goes on"""
        self.thought, self._before = thought, thought.tokens if thought else 0
        self._vocabulary, self._boundary, self._limits = vocabulary, boundary, limits
        self._steps_before, self._tokens_before, self._steps_limit = steps_before, tokens_before, max_steps
        self._room, self._fences = room, fences or Fences(None)
        self._most = most_tokens(limits, steps_before, tokens_before, room, max_steps)
        self._end_ids = vocabulary.ends(limits.stop)
        self._stops = Stops(vocabulary.stop_texts(limits.stop), "" if given else before)
        self._window = Window(limits.floor.window) if limits.floor else None
        self._clear()
        for token_id in given:
            self._given += 1
            self._add(token_id, 0.0, 0.0)
            if self._thinks and not self._within:
                self._cut(End.THOUGHT)

    @property
    def left(self) -> int:
        """Tokens until it must end, or its thought must."""
        room = self._room if self._limits.most is None else min(self._room, self._limits.most)
        left = self.thought.left if self.thought and self._thinks else self._most - self._answered
        return max(1, min(left, room - self.tokens))

    @property
    def left_in_step(self) -> int:
        """Tokens until the running step must end."""
        longest = self._limits.max_step_tokens
        if self.thought and self._thinks:
            longest = self.thought.rule.step_tokens or self.left + self._written
        return min(self.left, longest - self._written)

    def push(self, token_id: int, logprob: float, entropy: float | None = None) -> None:
        """Adds one generated token.

        Raises ValueError where the continuation has ended, ModelError where the log-probability is not finite.
        """
        if self.done:
            raise ValueError("a token was pushed onto a continuation that has ended")
        self._vocabulary.check(token_id, logprob)
        self.tokens += 1
        sure = self._window and self._window.push(logprob)
        boundary = self._add(token_id, logprob, entropy)
        if self.thought and self._thinks:
            self.thought.tokens += 1
        if token_id in self._end_ids:
            self._cut(End.EOS, closing=1)
        elif self._limits.floor and sure is not None and sure < self._limits.floor.confidence:
            self._cut(End.UNSURE)
        elif self._thinks:
            if end := self._thought_end(boundary):
                waits = end is End.THOUGHT and self._waits(end)
                tag = (
                    self.thought.closing_tag(self._ids, self._texts, self._given) if self.thought and waits else (0, 0)
                )
                self._cut(end, *tag)
        elif surplus := self._stops.push(self._texts[-1]):
            self._cut(End.EOS, tokens_in(self._texts[self._given :], surplus), surplus)
        elif end := End.DELIMITER if boundary and not self._blank else self._cause():
            self._cut(end)

    def _add(self, token_id: int, logprob: float, entropy: float | None) -> bool:
        """Whether the running step ends with this token, by the boundary rule."""
        self._ids.append(token_id)
        self._logprobs.append(logprob)
        self._texts.append(self._text(token_id))
        if entropy is not None:
            self._entropy.append(entropy)
        if self.thought:
            self.thought.saw(token_id, self._texts[-1])
            if self.thought.within and not self._thinks:
                self._thinks = True
                self.thought.tokens += self._written - 1
        ends = self._ends(Token(token_id, self._texts[-1], logprob, entropy, self._written))
        self._fences.push(self._texts[-1])
        return self._fences.closed or (ends and not self._fences.inside)

    @property
    def _within(self) -> bool:
        """Whether the path is within its thought."""
        return self.thought is not None and self.thought.within

    @property
    def _written(self) -> int:
        """Tokens written in the running step."""
        return len(self._ids) - self._given - self._observed

    @property
    def _answered(self) -> int:
        """Tokens written outside the thought."""
        return self.tokens - (self.thought.tokens - self._before if self.thought else 0)

    @property
    def _blank(self) -> bool:
        """Whether nothing yet follows the thought but a delimiter: no step ends there."""
        return self.thought is not None and not self._answer_steps and not "".join(self._texts).strip()

    @property
    def _answer_steps(self) -> int:
        """Steps of the path's answer that have ended."""
        return self._steps_before + sum(not step.thought for step in self.steps)

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
        if self._written >= self._limits.max_step_tokens:
            return End.STEP_TOKENS
        return self._limit()

    def _thought_end(self, boundary: bool) -> End | None:
        """Why a step of a thought ends; a thought that has reached its limit is closed."""
        thought = self.thought
        assert thought is not None
        if not thought.within:
            return End.THOUGHT
        if limit := self._limit():
            return limit
        if thought.spent:
            self._close(thought)
            return End.THINKING_TOKENS
        if thought.rule.step_tokens and self._written >= thought.rule.step_tokens:
            return End.STEP_TOKENS
        return End.DELIMITER if boundary and (thought.rule.delimited or self._fences.closed) else None

    def _close(self, thought: Thought) -> None:
        """Ends the thought with tokens that the model did not write."""
        thought.stage = Stage.OVER
        for token_id in thought.rule.closing:
            self._observed += 1
            self._add(token_id, 0.0, 0.0)
        self.observed += thought.rule.closing
        self._room -= len(thought.rule.closing)

    def _cut(self, end: End, closing: int = 0, surplus: int = 0) -> None:
        """Ends the step; its last `closing` tokens, or `surplus` characters, are what ended the solution."""
        text = self._vocabulary.decode(self._ids if surplus else self._ids[: len(self._ids) - closing])
        text = text[: max(0, len(text) - surplus)]
        end = End.CODE if end is End.DELIMITER and self._fences.closed else end
        if end is not End.EOS and self._thinks:
            end = self._limit() or end
        elif end is not End.EOS:
            boxed = self._limits.ends_at_box and not self._fences.holds and has_boxed(text)
            end = End.ANSWER if boxed else self._limit() or self._last() or end
        if self._waits(end):
            end = End.WAIT
        entropy = tuple(self._entropy) if len(self._entropy) == len(self._ids) else None
        step = Step(
            text,
            tuple(self._ids),
            tuple(self._logprobs),
            end,
            entropy,
            given=self._given,
            observed=self._observed,
            closing=closing,
            thought=self._thinks,
        )
        self.steps.append(step)
        stopped = step.finished or step.truncated or step.end in (End.WAIT, End.CODE)
        self.done = stopped or len(self.steps) == self._steps_limit
        self._clear()

    def _waits(self, end: End) -> bool:
        """Whether the policy would stop here, its thought or a solution without one, and is made to go on."""
        limits = self._limits
        if not limits.waits or self._room - self.tokens <= limits.wait_room or self._limit():
            return False
        if self.thought is None:
            return end in (End.ANSWER, End.EOS) and not self._last()
        return self._thinks and end in (End.THOUGHT, End.EOS) and not self.thought.spent

    def _limit(self) -> End | None:
        """The limit of the path that the last token reaches."""
        if self._answered >= self._limits.max_tokens - self._tokens_before:
            return End.MAX_TOKENS
        if self._limits.most is not None and self.tokens >= self._limits.most:
            return End.MAX_TOKENS
        return End.CONTEXT if self.tokens >= self._room else None

    def _last(self) -> End | None:
        """Whether the running step is the last that the path may have."""
        return End.MAX_STEPS if self._answer_steps + 1 >= self._limits.max_steps else None

    def _clear(self) -> None:
        """Begins a step."""
        self._given = self._observed = 0
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._entropy: list[float] = []
        self._texts: list[str] = []  # what each token adds
        self._parts: list[int] = []
        self._ends = self._boundary.watch()
        self._thinks = self._within
