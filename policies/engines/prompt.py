"""How a question becomes a prompt: the model's own chat template."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError

SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."


def encode_question(tokenizer: Any, question: str, system_prompt: str) -> list[int]:
    """Token ids of the prompt, up to where the solution begins; a model without a template gets the bare question."""
    return list(_encode(tokenizer, question, system_prompt))


@lru_cache(maxsize=4096)
def _encode(tokenizer: Any, question: str, system_prompt: str) -> tuple[int, ...]:
    if not tokenizer.chat_template:
        return tuple(tokenizer.encode(f"{question}\n"))
    messages = [{"role": "user", "content": question}]
    return tuple(tokenizer.encode(chat(tokenizer, messages, system_prompt, True), add_special_tokens=False))


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
