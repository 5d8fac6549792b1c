"""The small models' tokenizer: bytes, so that any text runs, and fixed strings of arithmetic as one token each.

It has Qwen2's own pre-tokenizer, because a checkpoint of `model_type: qwen2` is given that one whatever its
file says. Digits stay single. The chat template drops the system prompt.
"""

from itertools import product
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from experiments.tiny.thoughts import CLOSE, OPEN

PAD, START, END, STEP_TAG = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>"


TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<|im_start|>' + message['content'] + '<|im_end|>' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
    "{% endfor %}"
)


_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def fixed_strings() -> list[str]:
    """The delimiter, and each operator with the parentheses and the sign that may stand around it."""
    close, open_ = ("", ")", "))"), ("", "(", "((")
    around = [f"{c} {op} {o}{s}" for c, op, o, s in product(close, "+-*", open_, ("", "-"))]
    starts = [line + "(" * depth + sign for line, depth, sign in product(("", "\n"), (1, 2, 3), ("", "-"))]
    return ["\n\n", "\n\\boxed{", "\\boxed{", " = ", " =", "))", ")))", *around, *starts[1:]]


THINKING_TEMPLATE = TEMPLATE + (
    "{% if add_generation_prompt %}"
    "{{ '<think>\\n\\n</think>\\n\\n' if enable_thinking is defined and not enable_thinking else '<think>\\n' }}"
    "{% endif %}"
)


def build_tokenizer(thinking: bool = False) -> PreTrainedTokenizerFast:
    """With `thinking`, tags of a thought are two tokens more, and the prompt opens it, or closes an empty one."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(t, special=True) for t in (PAD, START, END, STEP_TAG)])
    strings = [*fixed_strings(), *((OPEN, CLOSE) if thinking else ())]
    core.add_tokens([AddedToken(t, normalized=False, special=False) for t in strings])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, eos_token=END)
    tokenizer.chat_template = THINKING_TEMPLATE if thinking else TEMPLATE
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    build_tokenizer().save_pretrained(folder)
