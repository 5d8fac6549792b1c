"""Reward models that answer with a word, with the tokenizers that they have: an opening token, words behind spaces.

RLHFlow's is Llama 3's: byte-level BPE, whose chat template and whose post-processor both write the opening token.
Math-Shepherd's is Llama 2's: BPE over marked spaces, with bytes for what it has no token for.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from policies.engines.hf import load_tokenizer
from scorers.conformance import check_scorer
from scorers.prm import LMHeadPRM
from search import Step

QUESTION = "((1 + 2) * (3 - -4)) ="
TEXTS = ["1 + 2 = 3\n(3 * (3 - -4))", "3 - -4 = 7, so 3 × 7\n(3 * 7)", "+ 3 * 7 = 21\n\\boxed{21}"]
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
    "initializer_range": 0.3,
}
# How Llama 3 cuts text before it is encoded: words, digits by threes, signs, line breaks.
LLAMA_3 = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA_3_SPECIAL = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
CHAT = (
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}{{ message['content'] | trim }}"
    "{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def opening(token: str, made: Tokenizer) -> Any:
    return processors.TemplateProcessing(single=f"{token} $A", special_tokens=[(token, made.token_to_id(token))])


def save_llama_3(folder: Path) -> str:
    special = LLAMA_3_SPECIAL
    made = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA_3), "isolated"), byte_level])
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=290, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    made.train_from_iterator([QUESTION, *TEXTS, "user\n\nassistant\n\n" * 9], trainer)
    made.post_processor = processors.Sequence([processors.ByteLevel(), opening(special[0], made)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=special[0], eos_token=special[-1], chat_template=CHAT
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SIZES)).save_pretrained(folder)
    return str(folder)


def save_llama_2(folder: Path, tokenizer_class: str) -> str:
    merges = [*(("\u2581", letter) for letter in "+-к"), ("\u2581к", "и"), ("S", "t"), ("e", "p"), ("St", "ep")]
    letters = sorted({*QUESTION, *"".join(TEXTS), *"Step:0123456789ки\u2581"} - {" ", "\n", "×"})
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    pieces += [a + b for a, b in merges]
    made = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(pieces)}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    )
    made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(pieces[:3])
    made.post_processor = opening("<s>", made)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    tokenizer.save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"tokenizer_class": tokenizer_class}))
    torch.manual_seed(7)
    MistralForCausalLM(MistralConfig(vocab_size=len(pieces), **SIZES)).save_pretrained(folder)
    return str(folder)


def shares(folder: Path, architecture: Any, ids: Sequence[int], places: Sequence[int], words: Sequence[int]) -> Any:
    """The first word's share at each place: the decoder with the raw weights, and the rows of the raw head."""
    weights = load_file(folder / "model.safetensors")
    decoder = architecture.from_pretrained(folder, dtype=torch.float32).model
    decoder.load_state_dict({n.removeprefix("model."): w for n, w in weights.items() if n.startswith("model.")})
    with torch.inference_mode():
        hidden = decoder(torch.tensor([list(ids)])).last_hidden_state[0][list(places)]
        return (hidden @ weights["lm_head.weight"][list(words)].T).softmax(-1)[:, 0].tolist()


def ask(scorer: LMHeadPRM) -> list[float]:
    return list(asyncio.run(scorer.score(QUESTION, [Step(text + "\n\n") for text in TEXTS], 0)).scores)


def test_rlhflows_turns_in_llama_3s_tokens(tmp_path: Path):
    """As its own evaluation reads it: every conversation ends with the answer `+`, judged three tokens from the end."""
    scorer = LMHeadPRM(model=save_llama_3(tmp_path), dtype="float32")
    tokenizer: Any = load_tokenizer(str(tmp_path))
    begin, start, end, over = (tokenizer.get_vocab()[token] for token in LLAMA_3_SPECIAL)
    assert tokenizer.encode("+")[0] == begin, "the test needs a tokenizer that opens every text"
    words = [tokenizer.encode(word)[-1] for word in "+-"]
    assert tokenizer.convert_ids_to_tokens(words) == ["+", "-"]

    def turn(role: str, text: str) -> list[int]:
        pieces = (tokenizer.encode(part, add_special_tokens=False) for part in (role, "\n\n" + text))
        return [start, *next(pieces), end, *next(pieces), over]

    theirs, ids = list[float](), [begin]
    for place, text in enumerate(TEXTS):
        ids += turn("user", f"{QUESTION} {text}" if place == 0 else text) + turn("assistant", "+")
        assert ids[-2:] == [words[0], over] and tokenizer.decode([ids[-3]]) == "\n\n"
        theirs += shares(tmp_path, LlamaForCausalLM, ids, [len(ids) - 3], words)
    assert scorer.form.encode(scorer.reader.tokenizer, QUESTION, TEXTS).ids == ids[:-2]
    assert ids.count(begin) == 1
    assert ask(scorer) == pytest.approx(theirs, abs=1e-5)
    assert max(theirs) - min(theirs) > 0.01, "the test needs scores that differ"
    check_scorer(scorer)


@pytest.mark.parametrize("tokenizer_class", ["PreTrainedTokenizerFast", "LlamaTokenizer"])
def test_math_shepherds_text_in_llama_2s_tokens(tokenizer_class: str, tmp_path: Path):
    """As its card reads it: the text is encoded whole, and each `ки` judged by the tokens of `+ -`."""
    scorer = LMHeadPRM(model=save_llama_2(tmp_path, tokenizer_class), tag="ки", dtype="float32")
    tokenizer: Any = load_tokenizer(str(tmp_path))
    lines = "\n".join(f"Step {n}: {text} ки" for n, text in enumerate(TEXTS, 1))
    ids, words, tag = tokenizer.encode(f"{QUESTION} {lines}"), tokenizer.encode("+ -")[1:], tokenizer.encode("ки")[-1]
    assert tokenizer.convert_ids_to_tokens([*words, tag]) == ["\u2581+", "\u2581-", "\u2581ки"]
    assert ids[0] == tokenizer.bos_token_id and ids.count(tokenizer.bos_token_id) == 1
    assert {"<0x0A>", "<0xC3>"} <= set(tokenizer.convert_ids_to_tokens(ids)), "the test needs bytes"
    assert tokenizer.unk_token_id not in ids
    places = [place for place, token in enumerate(ids) if token == tag]
    theirs = shares(tmp_path, MistralForCausalLM, ids, places, words)
    assert scorer.form.encode(scorer.reader.tokenizer, QUESTION, TEXTS) == (ids, places)
    assert ask(scorer) == pytest.approx(theirs, abs=1e-5)
    assert max(theirs) - min(theirs) > 0.01, "the test needs scores that differ"
    check_scorer(scorer)
