"""How a question becomes a prompt: the model's own chat template."""

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
    return tuple(tokenizer.encode(_chat(tokenizer, question, system_prompt), add_special_tokens=False))


def _chat(tokenizer: Any, question: str, system_prompt: str) -> str:
    """The conversation as text. Some templates refuse a system message: there its text goes before the question."""
    messages = [{"role": "user", "content": question}]
    if not system_prompt:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    try:
        system = {"role": "system", "content": system_prompt}
        return tokenizer.apply_chat_template([system, *messages], tokenize=False, add_generation_prompt=True)
    except TemplateError:
        return _chat(tokenizer, f"{system_prompt}\n\n{question}", "")
