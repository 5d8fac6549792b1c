"""How question and steps become the tokens that a reward model reads, and where in them each step is judged.

Each form is what one family of models was trained on. A prefix of the steps is a prefix of the tokens, which lets
a cache serve what was read before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from policies.engines.models import ModelError
from policies.engines.outside import as_text, encode
from policies.engines.prompt import chat, encode_question

_NUMBERED = re.compile(r"Step \d")


class Encoded(NamedTuple):
    """Token ids, and for each step the place whose output judges it; the last place is the end of `ids`."""

    ids: list[int]
    places: list[int]


class Form(Protocol):
    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        """`texts` are the steps', stripped. Raises ModelError where the tokenizer is not one of this form."""
        ...


@dataclass(frozen=True)
class Tagged:
    """Qwen2.5-Math-PRM: a chat whose answer has a token of its own after each step."""

    tag: str
    system_prompt: str

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        tag = token_id(tokenizer, self.tag)
        ids = encode_question(tokenizer, question, self.system_prompt, (self.tag,))
        return _appended(ids, tokenizer, texts, [tag], (self.tag,))


@dataclass(frozen=True)
class Separated:
    """TRL's PRMTrainer: the bare question, then each step with the separator after it, encoded piece by piece."""

    separator: str

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        between = tokenizer.encode(self.separator, add_special_tokens=False)
        if not between:
            raise ModelError(f"separator={self.separator!r}: the tokenizer makes no token of it; choose another one")
        return _appended([*_begin(tokenizer), *pieces(tokenizer, question)], tokenizer, texts, between)


@dataclass(frozen=True)
class Lines:
    """Skywork-o1-Open-PRM: every line ends with the token of a line break; a step is judged at its last one."""

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        newline = tokenizer.encode("\n", add_special_tokens=False)[-1]
        ids, places = [*_begin(tokenizer), *pieces(tokenizer, question + "\n")], list[int]()
        for text in texts:
            for line in text.split("\n"):
                ids += [*pieces(tokenizer, line), newline]
            places.append(len(ids) - 1)
        return Encoded(ids, places)


@dataclass(frozen=True)
class Inline:
    """Math-Shepherd: one running text, `Step 1: ... <tag>` a line; the tag is judged."""

    tag: str
    numbered: bool

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        """Raises ValueError where question or step hold the tag, and no other tokens write it."""
        tag = self._token(tokenizer)
        for tags in ((), (self.tag,)):  # a tag that is an ordinary word is cut only where it would be read as the tag
            outside = [as_text(tokenizer, text, tags) for text in (question, *texts)]
            lines = [f"{self._number(place, text)}{text} {self.tag}" for place, text in enumerate(outside[1:], 1)]
            ids = encode(tokenizer, f"{outside[0]} " + "\n".join(lines), special=True)
            places = [place for place, token in enumerate(ids) if token == tag]
            if len(places) == len(texts):
                return Encoded(ids, places)
        raise ValueError(f"question or step holds {self.tag!r}, which stands after each step and nowhere else")

    def _token(self, tokenizer: Any) -> int:
        """The tag's own token, as it stands behind a space. Raises ModelError where it is cut into several."""
        last = tokenizer.encode(f"a {self.tag}", add_special_tokens=False)[-1]
        if tokenizer.decode([last]).strip() != self.tag:
            raise ModelError(f"tag={self.tag!r}: the tokenizer cuts it into pieces; is it the tag of this model?")
        return last

    def _number(self, place: int, text: str) -> str:
        return f"Step {place}: " if self.numbered and not _NUMBERED.match(text) else ""


@dataclass(frozen=True)
class Turns:
    """RLHFlow: a chat in which each step is a user's turn and the verdict the answer; judged where it would begin."""

    good: str

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        if not tokenizer.chat_template:
            raise ModelError("its tokenizer has no chat template, which this form of reward model needs")
        turns: list[dict[str, str]] = []
        read: list[list[int]] = []
        question, *texts = (as_text(tokenizer, text) for text in (question, *texts))
        for place, text in enumerate(texts):
            turns.append({"role": "user", "content": f"{question} {text}" if place == 0 else text})
            read.append(_chat_ids(tokenizer, turns, "", True))
            turns.append({"role": "assistant", "content": self.good})
        ids = read[-1]
        if any(ids[: len(part)] != part for part in read):
            raise ModelError("its chat template rewrites earlier turns, and no step can be judged where it stood")
        return Encoded(ids, [len(part) - 1 for part in read])


@dataclass(frozen=True)
class Whole:
    """Outcome reward models: a chat of question and solution; judged at its end."""

    system_prompt: str

    def encode(self, tokenizer: Any, question: str, texts: Sequence[str]) -> Encoded:
        question, solution = (as_text(tokenizer, text) for text in (question, "\n\n".join(texts)))
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": solution}]
        if tokenizer.chat_template:
            ids = _chat_ids(tokenizer, turns, self.system_prompt, False)
        else:
            ids = encode(tokenizer, f"{question}\n{solution}", special=True)
        return Encoded(ids, [len(ids) - 1] * len(texts))


def token_id(tokenizer: Any, token: str) -> int:
    """Raises ModelError where it is not one token of the vocabulary."""
    place = tokenizer.convert_tokens_to_ids(token)  # get_vocab would make its dictionary of 150,000 words anew
    if place is None or tokenizer.convert_ids_to_tokens(place) != token:
        raise ModelError(f"its tokenizer has no {token}, which stands after each step")
    return place


def _appended(
    ids: list[int], tokenizer: Any, texts: Sequence[str], after: Sequence[int], tags: tuple[str, ...] = ()
) -> Encoded:
    """Each step by itself, with the tokens `after` it; its place is the last of them."""
    places: list[int] = []
    for text in texts:
        ids += [*pieces(tokenizer, text, tags), *after]
        places.append(len(ids) - 1)
    return Encoded(ids, places)


@lru_cache(maxsize=1 << 16)
def pieces(tokenizer: Any, text: str, tags: tuple[str, ...] = ()) -> tuple[int, ...]:
    """Token ids of a text that a model wrote; what looks like a special token in it, or a tag, is read as text."""
    return tuple(encode(tokenizer, as_text(tokenizer, text, tags)))


def _begin(tokenizer: Any) -> list[int]:
    return [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]


def _chat_ids(tokenizer: Any, turns: Sequence[dict[str, str]], system_prompt: str, reply: bool) -> list[int]:
    return encode(tokenizer, chat(tokenizer, turns, system_prompt, reply))
