"""Text from outside (questions, hints, steps): what looks like a special token in it stays text.

`as_text` cuts each such token in two by a mark that nobody can guess. Text that is marked may go through a chat
template, which treats it as any other text; `encode` then encodes the parts between the marks. Without a mark the text
is encoded as a whole.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

MARK = secrets.token_hex(16)  # letters and digits alone, which no template trims or escapes
_CONTROL = re.compile(r"[<\[{].*[^\W\d].*[>\]}]", re.DOTALL)  # <think>, [INST]


class Live:
    """Texts of tokens that must not come from outside."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(filter(None, texts))
        self._lengths = sorted({len(text) for text in self.texts}, reverse=True)
        self._first = re.compile("|".join(re.escape(first) for first in sorted({text[0] for text in self.texts})))

    def cuts(self, text: str) -> Iterator[int]:
        """Where to cut the text, ascending: behind the first character of each token.

        A token of one character is cut out.
        """
        if not self.texts:
            return
        for match in self._first.finditer(text):
            at = match.start()
            lengths = [length for length in self._lengths if text[at : at + length] in self.texts]
            if 1 in lengths:
                yield at
            if lengths:
                yield at + 1


@lru_cache(maxsize=64)
def live_tokens(tokenizer: Any, template: str, tags: tuple[str, ...] = ()) -> Live:
    """The tokenizer's special tokens, the control tokens that its chat template writes, and `tags`.

    Other added tokens, such as Gemma's for several line breaks, are a way to write ordinary text.
    """
    added = list(tokenizer.added_tokens_decoder.values())
    special = [str(token) for token in added if token.special]
    control = [text for token in added if _CONTROL.fullmatch(text := str(token)) and text in template]
    return Live([*special, *tokenizer.all_special_tokens, *control, *tags])


def as_text(tokenizer: Any, text: str, tags: tuple[str, ...] = ()) -> str:
    """The text, with a mark inside each special token that it holds, and inside each of `tags`."""
    cuts = list(live_tokens(tokenizer, str(tokenizer.chat_template or ""), tags).cuts(text))
    return MARK.join(text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True))


def encode(tokenizer: Any, text: str, special: bool = False) -> list[int]:
    """Token ids of a text that `as_text` may have marked.

    `special`: with the tokens that the tokenizer puts before and after every text.
    """
    first, *others = text.split(MARK)
    if not others:
        return list(tokenizer.encode(text, add_special_tokens=special))
    before, after = _around(tokenizer) if special else ([], [])
    ids = [*before, *tokenizer.encode(first, add_special_tokens=False)]
    for place, part in enumerate(others, 1):
        # Between two marks a single character may be a whole token; a longer part never is.
        ids += _inner(tokenizer, part, plain=len(part) == 1 and place < len(others))
    return [*ids, *after]


def encode_behind(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text that follows another one; what looks like a special token in it is text."""
    parts = as_text(tokenizer, text).split(MARK)
    inner = range(1, len(parts) - 1)
    return [
        token
        for place, part in enumerate(parts)
        for token in _inner(tokenizer, part, plain=len(part) == 1 and place in inner)
    ]


def _inner(tokenizer: Any, text: str, plain: bool) -> list[int]:
    """Token ids of a text as it stands behind another one: some tokenizers begin every text with a space."""
    line = tokenizer.encode("\n", add_special_tokens=False)
    behind = tokenizer.encode(f"\n{text}", add_special_tokens=False, split_special_tokens=plain)
    if behind[: len(line)] == line:
        return behind[len(line) :]
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=plain)


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that the tokenizer puts before and after every text."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a")
    start = next(place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]
