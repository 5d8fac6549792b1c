"""How a question becomes a prompt: the model's own chat template."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

from search.errors import KnobError

SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."


def encode_question(tokenizer: Any, question: str, system_prompt: str) -> list[int]:
    """Token ids of the prompt, up to where the solution begins; a model without a template gets the bare question."""
    return list(_encode(tokenizer, question, system_prompt))


@lru_cache(maxsize=1024)
def _encode(tokenizer: Any, question: str, system_prompt: str) -> tuple[int, ...]:
    if not tokenizer.chat_template:
        return tuple(tokenizer.encode(f"{question}\n"))
    messages = [{"role": "user", "content": question}]
    return tuple(tokenizer.encode(chat(tokenizer, messages, system_prompt, True), add_special_tokens=False))


def with_sources(question: str, hint: str, sources: Sequence[str]) -> str:
    """The user's message of a request that has more than the question: it, numbered solutions, then the hint."""
    solutions = [f"Solution {number}:\n{text.strip()}" for number, text in enumerate(sources, 1)]
    return "\n\n".join([question, *solutions, *([hint] if hint else [])])


@lru_cache(maxsize=1024)
def encode_given(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Token ids of a text that a continuation begins with, encoded by itself.

    Raises KnobError where they do not read back as the text.
    """
    plain = tuple(tokenizer.encode(text, add_special_tokens=False))
    if (back := _read_back(tokenizer, plain)) == text:
        return plain
    # Some tokenizers begin every text with a space, but not what follows a line break.
    line = tokenizer.encode("\n", add_special_tokens=False)
    behind = tokenizer.encode(f"\n{text}", add_special_tokens=False)
    if behind[: len(line)] == line and _read_back(tokenizer, behind[len(line) :]) == text:
        return tuple(behind[len(line) :])
    raise KnobError(
        f"Ask.given is {text!r}, which the model's tokenizer reads back as {back!r}: give a text that it keeps"
    )


def _read_back(tokenizer: Any, ids: Sequence[int]) -> str:
    """What the ids add to a text that they follow."""
    anchor = tokenizer.encode("a", add_special_tokens=False)
    start, text = (tokenizer.decode([*anchor, *more], clean_up_tokenization_spaces=False) for more in ((), ids))
    return text.removeprefix(start)


def chat(tokenizer: Any, messages: Sequence[Mapping[str, str]], system_prompt: str, reply: bool) -> str:
    """The conversation as text, up to where a reply begins if `reply`; `messages` begin with the user's.

    Some templates refuse a system message: there its text goes before the first one. Raises ValueError where the
    template refuses the messages themselves.
    """
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    try:
        return tokenizer.apply_chat_template([*system, *messages], tokenize=False, add_generation_prompt=reply)
    except TemplateError as error:
        if not system:
            raise ValueError(f"the model's chat template refuses this conversation: {error}") from error
        first, *others = messages
        merged = {**first, "content": f"{system_prompt}\n\n{first['content']}"}
        return chat(tokenizer, [merged, *others], "", reply)
