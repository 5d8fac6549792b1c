"""The token with which a chat template ends the assistant's turn."""

from typing import Any

from policies.engines.prompt import chat

_REPLY = "stepsearch"  # a word that no template writes by itself


def turn_end(tokenizer: Any) -> int | None:
    """The token that the template writes behind an assistant's message; None where it writes a text, or nothing.

    Only a token that the tokenizer was given as a whole counts, such as `<|im_end|>` or `</s>`.
    """
    if not tokenizer.chat_template:
        return None
    conversation = [{"role": "user", "content": "1 + 1 ="}, {"role": "assistant", "content": _REPLY}]
    try:
        text = chat(tokenizer, conversation, "", False)
    except Exception:  # a template is a program of its own; what the prompt cannot do is said where it is made
        return None
    _, reply, behind = text.rpartition(_REPLY)
    ids = tokenizer.encode(behind.lstrip(), add_special_tokens=False) if reply else []
    return ids[0] if ids and ids[0] in tokenizer.added_tokens_decoder else None
