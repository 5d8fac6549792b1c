"""How a question becomes a prompt: the model's own chat template."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jinja2 import TemplateError

from policies.engines.outside import as_text, encode, encode_behind
from search.errors import KnobError

SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."
TOOLS_PROMPT = (  # Qwen2.5-Math's, for tool-integrated reasoning
    "Please integrate natural language reasoning with programs to solve the problem above, and put your final answer "
    "within \\boxed{}."
)
_DATE = datetime(2024, 7, 26)  # for templates that write today's: the one that Llama's fall back on
_PARTS_OF_DATES = {f"%{letter}": _DATE.strftime(f"%{letter}") for letter in "aAbBcdHIjmMpSUwWxXyYZ"}
_FIXED_CLOCK = (  # Transformers passes no functions to a template, but a macro hides its own
    "{%- macro strftime_now(format) -%}{{ format"
    + "".join(f" | replace('{part}', '{text}')" for part, text in _PARTS_OF_DATES.items())
    + " }}{%- endmacro -%}"
)
_NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})
_FAILURES = (TemplateError, TypeError, ValueError, LookupError, AttributeError)  # of a template


def encode_question(tokenizer: Any, question: str, system_prompt: str, tags: tuple[str, ...] = ()) -> list[int]:
    """Token ids of the prompt, up to where the solution begins; a model without a template gets the bare question.

    Special tokens in the question are text, and so are `tags`.
    """
    return list(_encode(tokenizer, tokenizer.chat_template, question, system_prompt, tags))


@lru_cache(maxsize=1024)
def _encode(
    tokenizer: Any, template: str | None, question: str, system_prompt: str, tags: tuple[str, ...]
) -> tuple[int, ...]:
    question = as_text(tokenizer, question, tags)
    if not template:
        return tuple(encode(tokenizer, f"{question}\n", special=True))
    messages = [{"role": "user", "content": question}]
    return tuple(encode(tokenizer, chat(tokenizer, messages, system_prompt, True)))


def with_sources(question: str, hint: str, sources: Sequence[str]) -> str:
    """The user's message of a request that has more than the question: it, numbered solutions, then the hint."""
    solutions = [f"Solution {number}:\n{text.strip()}" for number, text in enumerate(sources, 1)]
    return "\n\n".join([question, *solutions, *([hint] if hint else [])])


@lru_cache(maxsize=1024)
def encode_given(tokenizer: Any, text: str, name: str = "Ask.given") -> tuple[int, ...]:
    """Token ids of a text that a continuation begins with, encoded by itself; `name` is what errors call it.

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
        f"{name} is {text!r}, which the model's tokenizer reads back as {back!r}: give a text that it keeps"
    )


@lru_cache(maxsize=4096)
def encode_step(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Token ids of a step that a model of another tokenizer wrote, as it stands on a path; special tokens are text.

    Raises KnobError where they do not read back as the text.
    """
    ids = tuple(encode_behind(tokenizer, text))
    if (back := _read_back(tokenizer, ids)) != text:
        raise KnobError(
            f"policy.members: the tokenizer of {tokenizer.name_or_path} reads another member's step {text!r} as "
            f"{back!r}; give members whose tokenizers keep each other's texts"
        )
    return ids


def _read_back(tokenizer: Any, ids: Sequence[int]) -> str:
    """What the ids add to a text that they follow."""
    anchor = tokenizer.encode("a", add_special_tokens=False)
    start, text = (tokenizer.decode([*anchor, *more], clean_up_tokenization_spaces=False) for more in ((), ids))
    return text.removeprefix(start)


def chat(
    tokenizer: Any,
    messages: Sequence[Mapping[str, str]],
    system_prompt: str,
    reply: bool,
    arguments: Mapping[str, Any] = _NO_ARGUMENTS,
) -> str:
    """The conversation as text, up to where a reply begins if `reply`; `messages` begin with the user's.

    `arguments` are those of the chat template. Some templates refuse a system message: there its text goes before the
    first one. Raises ValueError where the template refuses the messages themselves, or changes them.
    """
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    try:
        return _render(tokenizer, [*system, *messages], reply, arguments)
    except _FAILURES as error:
        if isinstance(error, ChangedError) or not system:
            raise ValueError(f"the model's chat template refuses this conversation: {error}") from error
        return chat(tokenizer, with_instruction(messages, system_prompt), "", reply, arguments)


def with_instruction(messages: Sequence[Mapping[str, str]], system_prompt: str) -> list[Mapping[str, str]]:
    """The messages with the system prompt at the beginning of the first one."""
    first, *others = messages
    return [{**first, "content": f"{system_prompt}\n\n{first['content']}"}, *others]


class ChangedError(ValueError):
    """A chat template does not write a message as it is."""


def _render(tokenizer: Any, messages: Sequence[Mapping[str, str]], reply: bool, arguments: Mapping[str, Any]) -> str:
    """The conversation as text, each message's own text in it; the system's alone may be left out.

    Templates of models that also see images want a message in parts. Raises the first error of the template.
    """
    first_error: Exception | None = None
    parts = [{**message, "content": [{"type": "text", "text": message["content"]}]} for message in messages]
    options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": reply, **arguments}
    if "strftime_now" in str(tokenizer.chat_template):
        options["chat_template"] = _FIXED_CLOCK + tokenizer.get_chat_template()
    for form in (messages, parts):
        try:
            text = tokenizer.apply_chat_template(form, **options)
        except _FAILURES as error:
            first_error = first_error or error
            continue
        lost = [m for m in messages if m["role"] != "system" and m["content"].strip() not in text]
        if not lost:
            return text
        first_error = first_error or ChangedError(
            f"it drops or changes the {lost[0]['role']}'s message; mend its chat_template.jinja"
        )
    assert first_error
    raise first_error
