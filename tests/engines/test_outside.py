"""Special tokens in text from outside are text, in every form of prompt and with every kind of tokenizer."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from policies.engines import outside
from policies.engines.hf import load_tokenizer
from policies.engines.outside import as_text, encode, live_tokens
from policies.engines.prompt import chat, encode_question
from scorers.checkpoints.forms import Encoded, Form, Inline, Lines, Separated, Tagged, Turns, Whole

CORPUS = ["user assistant Simplify the sum of 1 and 2, then end. <|im end|> a<b and b>c\n\nStep 1: so 3."] * 3
SPECIAL = ["<s>", "<|im_start|>", "<|im_end|>", "<extra_0>"]
THINK = "</think>"  # an added token that is not special, as in Qwen3
CHAT = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content.split('</think>')[-1] | trim }}"
    "{{ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QUESTION = "  Simplify <|im_end|> + 1, a<b</think> and <<|im_end|>>?\n"


def byte_level() -> Any:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet))
    return core


def pieces_with_spaces() -> Any:
    """As SentencePiece's: every text begins with a space."""
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    text_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    core.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>", *text_bytes]))
    return core


@cache
def tokenizer(name: str) -> Any:
    if name == "tiny":
        return load_tokenizer("tiny")
    core = {"byte level": byte_level, "spaces": pieces_with_spaces}[name]()
    core.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    core.add_tokens([AddedToken(THINK, special=False), AddedToken("\n\n", special=False)])
    begin = core.token_to_id("<s>")
    core.post_processor = TemplateProcessing("<s> $0", None, [("<s>", begin)])
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="<|im_end|>", chat_template=CHAT)


TOKENIZERS = ["tiny", "byte level", "spaces"]
NAMED = pytest.mark.parametrize("name", TOKENIZERS)


def counts(of: Any, ids: Sequence[int]) -> list[int]:
    """How often each control token occurs."""
    return [list(ids).count(of.convert_tokens_to_ids(text)) for text in [*SPECIAL[1:], THINK]]


def text_of(of: Any, ids: Sequence[int]) -> str:
    return of.decode(ids, clean_up_tokenization_spaces=False)


# policies


@NAMED
@pytest.mark.parametrize("question", ["Simplify the sum.", "  a<b\n\nand |c> <|im_", "", "ü and 1 < 2 > 0"])
def test_text_without_special_tokens_has_the_ids_that_it_had(name: str, question: str):
    of = tokenizer(name)
    roles = {"system": "Think.", "user": question}
    messages = [{"role": role, "content": text} for role, text in roles.items()]
    text = of.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert encode_question(of, question, "Think.") == of.encode(text, add_special_tokens=False)


@NAMED
def test_special_tokens_of_a_question_are_text(name: str):
    """The template's own stay, and it trims and splits no differently for what stands in the question."""
    of = tokenizer(name)
    ids, plain = (encode_question(of, question, "Think.") for question in (QUESTION, "Simplify"))
    assert counts(of, ids) == counts(of, plain)
    expected = QUESTION if name == "tiny" else QUESTION.strip()
    assert expected in text_of(of, ids) and outside.MARK not in text_of(of, ids)


@pytest.mark.parametrize("name", ["byte level", "spaces"])
def test_the_rest_of_the_prompt_is_encoded_as_ever(name: str):
    """Up to the first character of a special token, and behind the question."""
    of = tokenizer(name)
    ids = encode_question(of, "the sum <|im_end|> of 1", "")
    beginning = of.encode("<|im_start|>user\nthe sum <", add_special_tokens=False)
    assert ids[: len(beginning)] == beginning
    ending = of.encode("<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)
    assert ids[-len(ending) :] == ending


@NAMED
def test_a_model_without_a_template_reads_text_too(name: str):
    of = tokenizer(name)
    template, of.chat_template = of.chat_template, None
    try:
        ids, plain = (encode_question(of, question, "") for question in ("a <extra_0> b<|im_end|>", "a  b"))
    finally:
        of.chat_template = template
    assert counts(of, ids) == [0, 0, 0, 0] and ids.count(of.convert_tokens_to_ids("<s>") or -1) == (name != "tiny")
    assert text_of(of, ids[int(name != "tiny") :]).strip() == "a <extra_0> b<|im_end|>"
    assert plain[:1] == ids[:1]


def test_tokens_that_overlap_and_tokens_of_one_character_are_text():
    of = byte_level()
    of.add_special_tokens([AddedToken(text, special=True) for text in ("<<a>", "<a>", "∎")])
    of = PreTrainedTokenizerFast(tokenizer_object=of)
    special = set(of.added_tokens_decoder)
    for text in ("<<a>", "<<<a>>", "1∎2", "∎", "∎∎", "<a∎>"):
        ids = encode(of, as_text(of, text))
        assert not special & set(ids) and text_of(of, ids) == text, text
    assert special & set(of.encode("1∎2"))


def test_a_mark_that_does_not_come_back_is_an_error():
    of = byte_level()
    of.add_special_tokens([AddedToken("<|im_end|>", special=True)])
    of = PreTrainedTokenizerFast(tokenizer_object=of, chat_template="{{ messages[0].content | upper }}")
    with pytest.raises(ValueError, match="refuses this conversation: it drops or changes the user's message"):
        encode_question(of, "a <|im_end|>", "")


def test_a_template_that_wants_parts_gets_them():
    of = tokenizer("byte level")
    part = "{% for p in m.content %}{% if p.type == 'text' %}[{{ p.text }}]{% endif %}{% endfor %}"
    parts = f"{{% for m in messages %}}{part}{{% endfor %}}"
    text = chat(_with(of, parts), [{"role": "user", "content": "the sum"}], "Think.", True)
    assert text == "[Think.][the sum]"


def _with(of: Any, template: str) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=of.backend_tokenizer, chat_template=template)


def test_the_vocabulary_is_looked_at_once_a_tokenizer(monkeypatch: pytest.MonkeyPatch):
    of = _with(tokenizer("byte level"), CHAT)
    asked: list[str] = []
    for name in ("get_vocab", "added_tokens_decoder"):
        kept: Any = getattr(type(of), name)

        def counted(self: Any, *, kept: Any = kept, name: str = name) -> Any:
            asked.append(name)
            return kept.__get__(self) if isinstance(kept, property) else kept(self)

        monkeypatch.setattr(type(of), name, property(counted) if isinstance(kept, property) else counted)
    for number in range(5):
        encode_question(of, f"{number} <|im_end|>", "")
    assert asked == ["added_tokens_decoder"]


def test_ordinary_added_tokens_are_not_taken_apart():
    of = tokenizer("byte level")
    assert list(live_tokens(of, CHAT).cuts("a\n\nb<table>")) == []
    assert list(live_tokens(of, CHAT).cuts("a</think>b")) == [2]
    assert list(live_tokens(of, "").cuts("a</think>b")) == []


# reward models

FORMS: dict[str, Callable[[Any], Form]] = {
    "tagged": lambda of: Tagged("<extra_0>", "Think."),
    "separated": lambda of: Separated("\n"),
    "lines": lambda of: Lines(),
    "inline, a special tag": lambda of: Inline("<extra_0>", True),
    "turns": lambda of: Turns("+"),
    "whole": lambda of: Whole("Think."),
}


@NAMED
@pytest.mark.parametrize("form", FORMS)
def test_special_tokens_of_question_and_steps_are_text(name: str, form: str):
    of = tokenizer(name)
    make = FORMS[form](of)
    wild = make.encode(of, "What is <extra_0> <|im_end|></think>?", ["a<|im_end|>", "b <extra_0>", "c <|im_start|>"])
    plain = make.encode(of, "What is?", ["a", "b", "c"])
    assert counts(of, wild.ids) == counts(of, plain.ids)
    assert judged(wild) == judged(plain)


def judged(encoded: Encoded) -> list[int]:
    return [encoded.ids[place] for place in encoded.places]


def test_a_tag_that_is_an_ordinary_word_is_text_where_others_write_it():
    """As Math-Shepherd's; a text without it keeps its ids."""
    core = byte_level()
    core.add_tokens([AddedToken(" ки", special=False)])  # one token, as an ordinary word of a large vocabulary is
    of = PreTrainedTokenizerFast(tokenizer_object=core)
    form = Inline("ки", True)
    plain = form.encode(of, "What is it?", ["so", "end"])
    assert plain.ids == of.encode("What is it? Step 1: so ки\nStep 2: end ки")
    wild = form.encode(of, "What is ки?", ["so ки ки", "end"])
    assert judged(wild) == judged(plain) and len(wild.places) == 2
    assert text_of(of, wild.ids) == "What is ки? Step 1: so ки ки ки\nStep 2: end ки"
