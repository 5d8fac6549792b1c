"""How a question becomes a prompt: the model's own chat template."""

from functools import lru_cache
from typing import Any

SYSTEM_PROMPT = "Please reason step by step, and put your final answer within \\boxed{}."


def encode_question(tokenizer: Any, question: str, system_prompt: str) -> list[int]:
    """Token ids of the prompt, up to where the solution begins; a model without a template gets the bare question."""
    return list(_encode(tokenizer, question, system_prompt))


@lru_cache(maxsize=4096)
def _encode(tokenizer: Any, question: str, system_prompt: str) -> tuple[int, ...]:
    if not tokenizer.chat_template:
        return tuple(tokenizer.encode(f"{question}\n"))
    messages = [{"role": "user", "content": question}]
    if system_prompt:
        messages.insert(0, {"role": "system", "content": system_prompt})
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tuple(tokenizer.encode(text, add_special_tokens=False))
