"""What every engine that writes steps shares: the row it fills in, and what it needs of the tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.engines.boundary import Boundary, Delimiter
from policies.engines.ends import Cutter, Limits, Vocabulary
from policies.engines.meter import Work
from policies.engines.token_texts import decode_all, token_texts
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
    steps: tuple[Step, ...] = ()
    cutter: Cutter = field(init=False)

    def begin(self, vocabulary: Vocabulary, boundary: Boundary, context: int) -> None:
        """Makes the cutter that will end this row; `context` is the model's."""
        before, room = (self.steps_before, self.tokens_before), context - len(self.prompt)
        self.cutter = Cutter(vocabulary, boundary, self.limits, *before, room, self.max_steps, self.given)


def vocabulary(tokenizer: Any, ends: int | Sequence[int] | None, boundary: Boundary) -> Vocabulary:
    """End tokens are the tokenizer's and the checkpoint's, `ends`.

    Raises ModelError where the model cannot write the delimiter.
    """
    end_ids = {tokenizer.eos_token_id, *(ends if isinstance(ends, Sequence) else [ends])} - {None}
    texts = token_texts(tokenizer)
    if isinstance(boundary, Delimiter):
        boundary.check(texts)
    return Vocabulary(texts, frozenset(end_ids), lambda ids: decode_all(tokenizer, [ids])[0])
