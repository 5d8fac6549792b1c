"""What every engine that writes steps shares: the row it fills in, and what it needs of the tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.engines.boundary import Boundary, Delimiter
from policies.engines.code_blocks import Fences
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from policies.engines.meter import Work
from policies.engines.thinking import Stage, Thinking, Thought
from policies.engines.token_texts import decode_all, token_texts
from policies.engines.turn_end import turn_end
from search.tree.step import Step


@dataclass(frozen=True)
class Sampling:
    """Temperature 0 is greedy; top_k 0 and top_p 1 are off."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


@dataclass(eq=False)
class Row(Work):
    """One continuation to write, and its steps once written."""

    prompt: Sequence[int]
    """question, path and given tokens; rows may share it"""
    seed: int
    sampling: Sampling
    limits: Limits
    steps_before: int
    tokens_before: int
    max_steps: int | None
    given: Sequence[int] = ()
    """the tokens at the end of the prompt with which the first step begins"""
    before: str = ""
    """the text of the path, where a text of `stop` may have begun"""
    thinking: Thinking | None = None
    """how the policy thinks, if it does"""
    stage: Stage = Stage.OVER
    """where the path stands in its thought"""
    thought_before: int = 0
    """tokens of the thought so far; not among `tokens_before`, nor its steps among `steps_before`"""
    logprobs: bool = True
    """whether somebody reads log-probabilities; where not, an engine may put 0 in their place"""
    path: str | None = None
    """where programs are run: all that was written on the path, its thought included"""
    steps: tuple[Step, ...] = ()
    cutter: Cutter = field(init=False)
    read: int = 0
    """how many of the cutter's observed tokens the engine has read"""

    def next_observed(self) -> int | None:
        """The next token that the engine is to read in place of one it writes; None where there is none."""
        if self.read == len(self.cutter.observed):
            return None
        self.read += 1
        return self.cutter.observed[self.read - 1]

    def begin(self, vocabulary: Vocabulary, boundary: Boundary, context: int) -> None:
        """Makes the cutter that will end this row; `context` is the model's."""
        room, thought = context - len(self.prompt), None
        if self.thinking is not None:
            answer = self.limits.max_tokens - self.tokens_before
            thought = Thought(self.thinking, self.stage, self.thought_before, room, answer)
        self.cutter = Cutter(
            vocabulary,
            boundary,
            self.limits,
            self.steps_before,
            self.tokens_before,
            room,
            self.max_steps,
            self.given,
            self.before,
            thought,
            Fences(self.path),
        )


def vocabulary(
    tokenizer: Any, ends: int | Sequence[int] | None, boundary: Boundary, size: int, model: str
) -> Vocabulary:
    """End tokens are the tokenizer's, the checkpoint's, `ends`, and the one with which the chat template ends a turn.

    The model has ids below `size`; `model` names it in messages. Raises ModelError where it cannot write the delimiter.
    """
    named = ends if isinstance(ends, Sequence) else [ends]
    end_ids = {tokenizer.eos_token_id, turn_end(tokenizer), *named} - {None}
    texts = token_texts(tokenizer)
    if isinstance(boundary, Delimiter):
        boundary.check(texts)
    unknown = frozenset(range(size)).difference(tokenizer.get_vocab().values())
    special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    return Vocabulary(texts, frozenset(end_ids), lambda ids: decode_all(tokenizer, [ids])[0], special, unknown, model)
