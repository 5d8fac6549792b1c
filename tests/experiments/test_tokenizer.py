"""The hand-made tokenizer, read back the way Transformers and vLLM read it: AutoTokenizer on a Qwen2 checkpoint.

Tokenizers of Qwen2 checkpoints bring text to Unicode's composed form (NFC) first, whatever their file says.
"""

import random
import unicodedata

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from experiments.problems import arithmetic
from experiments.tiny.tokenizer import END, PAD, START, STEP_TAG, build_tokenizer
from policies.engines.models import SHIPPED
from policies.engines.prompt import SYSTEM_PROMPT, encode_question

TRAINING = build_tokenizer()
TREES = arithmetic.problem_set(1, 20)
TEXTS = [arithmetic.question(tree) for tree in TREES] + ["".join(arithmetic.solution(tree)) for tree in TREES]
HOSTILE = [
    "  two  spaces \t and a tab ",
    "é, ü, 中文, عربى, 🧮👩‍👩‍👧, e\u0301 and \u212b",
    "".join(map(chr, range(128))),
    "\x00\x07\x1b[31m\u200b\ufeff\u2028",
    "\r\n \n\n\n \n\t\n",
    "1234567890 + -12 * ((3)) = \\boxed{-7}",
    "'s 't 'RE isn't",
]


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@pytest.fixture(scope="module", params=["random", "tiny", "tiny-prm"])
def loaded(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    folder = request.getfixturevalue("random_policy") if request.param == "random" else SHIPPED[request.param]
    return AutoTokenizer.from_pretrained(folder)


def test_it_gives_exactly_the_training_ids(loaded: PreTrainedTokenizerBase):
    for text in [*TEXTS, *HOSTILE]:
        assert loaded.encode(text) == TRAINING.encode(composed(text))
    assert loaded.get_vocab() == TRAINING.get_vocab()


def test_any_text_comes_back_as_it_was(loaded: PreTrainedTokenizerBase):
    rng = random.Random(0)
    places = [(rng.randrange(0x250), rng.randrange(0xE000, 0x2FFFF)) for _ in range(200)]
    noise = ["".join(chr(rng.choice(place)) for place in places)]
    for text in [*TEXTS, *HOSTILE, *noise]:
        assert loaded.decode(loaded.encode(text), clean_up_tokenization_spaces=False) == composed(text)


def test_ids_fit_the_models_vocabulary(loaded: PreTrainedTokenizerBase):
    from experiments.tiny.train_policy import config

    assert max(loaded.get_vocab().values()) < config(TRAINING).vocab_size


def test_fixed_strings_are_one_token_and_digits_stay_single(loaded: PreTrainedTokenizerBase):
    for text in ("\n\n", " + ", " - -", ") * (", " = ", "\\boxed{", PAD, START, END, STEP_TAG):
        assert len(loaded.encode(text)) == 1
    assert loaded.convert_ids_to_tokens(loaded.encode("1 + 234")) == ["1", " + ", "2", "3", "4"]


def test_the_template_drops_the_system_prompt(loaded: PreTrainedTokenizerBase):
    with_system, without = (encode_question(loaded, "(1 + 2) =", s) for s in (SYSTEM_PROMPT, ""))
    assert with_system == without == loaded.encode(f"{START}(1 + 2) ={END}")
    assert without == TRAINING.apply_chat_template([{"role": "user", "content": "(1 + 2) ="}], return_dict=False)


def test_control_tokens_are_left_out_of_text(loaded: PreTrainedTokenizerBase):
    assert loaded.decode(loaded.encode(f"1{STEP_TAG}2{END}"), skip_special_tokens=True) == "12"
    assert (loaded.pad_token, loaded.eos_token) == (PAD, END)
