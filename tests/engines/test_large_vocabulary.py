"""A vocabulary of 152,000 tokens, as Qwen2.5 has: no request touches all of it."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from policies.engines import token_texts
from policies.engines.boundary import Delimiter
from policies.engines.hf import load_tokenizer
from policies.hf import HF
from scorers.checkpoints.forms import token_id
from scorers.checkpoints.qwen2_prm import Qwen2ForProcessRewardModel
from scorers.prm import PRM
from search import Beam, solve
from tests.models import ids_of

SIZE = 151_700
WHOLE = ("get_vocab", "get_added_vocab", "__len__", "save_vocabulary", "vocab", "vocab_size", "vocab_files")
LISTS = ("batch_decode", "convert_ids_to_tokens", "convert_tokens_to_ids", "decode")
CHAT = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A policy and a reward model of random weights that share the tokenizer."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, "ĊĊ", *(f"word{number}" for number in range(SIZE - len(letters) - 1))]
    core = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, [("Ċ", "Ċ")]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special: Any = {"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>", "<extra_0>"]}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, chat_template=CHAT, **special)
    shape: Any = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Qwen2Config(**shape, num_key_value_heads=1, vocab_size=len(tokenizer), max_position_embeddings=512)
    made: dict[str, str] = {}
    for name, kind in (("policy", Qwen2ForCausalLM), ("prm", Qwen2ForProcessRewardModel)):
        folder = tmp_path_factory.mktemp(name)
        kind(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made[name] = str(folder)
    return made


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What of the tokenizers' methods goes through a vocabulary, with the number of its calls from now on."""
    count: Counter[str] = Counter()

    def counted(name: str, plain: Any) -> Any:
        def call(self: Any, *values: Any, **knobs: Any) -> Any:
            long = values and hasattr(values[0], "__len__") and len(values[0]) > 1000
            count[name] += name in WHOLE or bool(long)
            return plain(self, *values, **knobs)

        return call

    for kind in PreTrainedTokenizerFast.__mro__:
        for name, plain in list(vars(kind).items()):
            if name in WHOLE + LISTS and isinstance(plain, property):
                monkeypatch.setattr(kind, name, property(counted(name, plain.fget)))
            elif name in WHOLE + LISTS:
                monkeypatch.setattr(kind, name, counted(name, plain))
    return count


def test_the_count_sees_what_goes_through_a_vocabulary(folders: dict[str, str], touched: Counter[str]):
    tokenizer: Any = load_tokenizer(folders["prm"])
    touched.clear()
    tokenizer.get_vocab()
    tokenizer.batch_decode([[1]] * 2000)
    tokenizer.encode("7")
    assert touched["get_vocab"] >= 1 and touched["batch_decode"] == 1


def test_no_request_goes_through_the_vocabulary(folders: dict[str, str], touched: Counter[str]):
    """A search of two levels; it begins after the models have been loaded, and nothing was asked of them before."""
    policy = HF(folders["policy"], max_steps=3, max_step_tokens=4, max_tokens=12)
    prm = PRM(model=folders["prm"])
    policy.load()
    prm.load()
    assert +touched, "loading goes through it once"
    touched.clear()
    tree = asyncio.run(solve("What is 1 + 2?", Beam(4, 2), policy, prm))
    assert ids_of(tree.leaves()[0].steps()) and tree.ledger.scorer_calls > 4
    assert not +touched, f"a request goes through the vocabulary: {dict(+touched)}"


@pytest.mark.slow
def test_its_texts_are_decoded_once_for_a_file(folders: dict[str, str]):
    tokenizer, other = (load_tokenizer(folders["policy"]) for _ in range(2))
    start = time.process_time()
    texts = token_texts.token_texts(tokenizer)
    assert len(texts) == len(tokenizer) and time.process_time() - start < 10  # about 1 on an idle core
    assert token_texts.token_texts(other) is texts
    other.add_tokens(["a new one"])
    assert len(token_texts.token_texts(other)) == len(texts) + 1
    places = [0, 7, 300, len(texts) - 1]
    assert [texts[place] for place in places] == token_texts.decode_all(tokenizer, [[place] for place in places])
    newlines: Any = tokenizer.convert_tokens_to_ids("ĊĊ")
    assert Delimiter().stops(texts) == {newlines}


@pytest.mark.slow
def test_a_decoder_that_the_core_does_not_have_is_used(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    tokenizer: Any = load_tokenizer(folders["policy"])
    plain = type(tokenizer).batch_decode
    monkeypatch.setattr(
        type(tokenizer), "batch_decode", lambda *of, **knobs: [text.upper() for text in plain(*of, **knobs)]
    )
    monkeypatch.setattr(token_texts, "_origin", lambda _: None)
    assert token_texts.token_texts(tokenizer)[300] == plain(tokenizer, [[300]])[0].upper()


def test_a_token_that_is_not_there_is_found_without_the_vocabulary(folders: dict[str, str], touched: Counter[str]):
    tokenizer = load_tokenizer(folders["prm"])
    touched.clear()
    assert tokenizer.convert_ids_to_tokens(token_id(tokenizer, "<extra_0>")) == "<extra_0>"
    with pytest.raises(ValueError, match="has no <extra_9>"):
        token_id(tokenizer, "<extra_9>")
    assert not +touched
