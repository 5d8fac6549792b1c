"""What every engine that writes steps shares: the row it fills in, and where its tokenizer ends steps and solutions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.engines.ends import Cutter, Limits, Vocabulary
from policies.engines.meter import Work
from policies.engines.models import ModelError
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

    prompt: list[int]  # question and path
    seed: int
    sampling: Sampling
    limits: Limits
    steps_before: int
    tokens_before: int
    max_steps: int | None
    steps: tuple[Step, ...] = ()
    cutter: Cutter = field(init=False)

    def begin(self, vocabulary: Vocabulary, context: int) -> None:
        """Makes the cutter that will end this row; `context` is the model's."""
        room = context - len(self.prompt)
        self.cutter = Cutter(vocabulary, self.limits, self.steps_before, self.tokens_before, room, self.max_steps)


def vocabulary(tokenizer: Any, ends: int | Sequence[int] | None, delimiter: str) -> Vocabulary:
    """End tokens are the tokenizer's and the checkpoint's, `ends`. With an empty delimiter no token ends a step.

    Raises ModelError where no token holds the delimiter.
    """
    end_ids = {tokenizer.eos_token_id, *(ends if isinstance(ends, Sequence) else [ends])} - {None}
    texts = decode_all(tokenizer, [[i] for i in range(len(tokenizer))])
    delimiters = frozenset(i for i, text in enumerate(texts) if delimiter and delimiter in text)
    if delimiter and not delimiters:
        raise ModelError(f"delimiter={delimiter!r}: no token of the model holds it; choose a shorter one")
    return Vocabulary(delimiters, frozenset(end_ids), lambda ids: decode_all(tokenizer, [ids])[0])


def decode_all(tokenizer: Any, ids_RT: Sequence[Sequence[int]]) -> list[str]:
    """Texts of tokens inside solutions, without special tokens.

    Each is decoded behind an anchor, because some tokenizers drop the space that a text begins with.
    """
    anchor = tokenizer.encode("a", add_special_tokens=False)
    start, *texts = tokenizer.batch_decode(
        [anchor, *([*anchor, *ids] for ids in ids_RT)],
        skip_special_tokens=True,
        clean_up_tokenization_spaces=False,
    )
    return [text.removeprefix(start) for text in texts]
