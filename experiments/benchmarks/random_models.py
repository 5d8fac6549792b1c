"""Checkpoints in the shapes of published models, without their weights: vLLM draws random ones as it loads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config

from policies.engines import vllm
from scorers.prm import STEP_TAG

_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_COMMON: dict[str, Any] = {"max_position_embeddings": 4096, "dtype": "bfloat16", "num_hidden_layers": 28}
# As in the models' config.json on the hub.
SHAPES: dict[str, dict[str, Any]] = {
    "Qwen2.5-Math-1.5B": {
        **_COMMON,
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151_936,
        "tie_word_embeddings": True,
    },
    "Qwen2.5-Math-7B": {
        **_COMMON,
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152_064,
        "tie_word_embeddings": False,
    },
}


def make(folder: Path, architecture: str, **shape: Any) -> str:
    """A checkpoint of this architecture, with a tokenizer for the shape's vocabulary, and next to no weights."""
    folder.mkdir(parents=True)
    tokenizer = _tokenizer(shape["vocab_size"] - 256)  # as Qwen2.5, which has more rows than tokens
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    Qwen2Config(**shape, **ends, architectures=[architecture]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file({"nothing": torch.zeros(1)}, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def _tokenizer(size: int) -> Any:
    """Single bytes, a blank line, special tokens, and words that nobody writes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special: Any = {
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "additional_special_tokens": ["<|im_start|>", STEP_TAG],
    }
    words = [*letters, "ĊĊ", *(f"w{number}" for number in range(size - len(letters) - 5))]
    core = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, [("Ċ", "Ċ")]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, chat_template=_CHAT, **special)


@contextmanager
def random_weights() -> Iterator[None]:
    """Engines that are made in the block draw their weights."""
    plain = vllm.engine_arguments
    vllm.engine_arguments = lambda *of: plain(*of) | {"load_format": "dummy"}
    try:
        yield
    finally:
        vllm.engine_arguments = plain
