"""Architectures and tokenizers other than those of the shipped models."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    MistralConfig,
    Qwen2ForCausalLM,
)

from policies.engines.boundary import Delimiter
from policies.engines.hf_writer import HFWriter
from policies.engines.models import ModelError
from policies.engines.prompt import encode_question
from policies.engines.token_texts import decode_all
from policies.hf import HF
from search.tree.step import Step
from tests.models import ids_of, row, save_random


@pytest.fixture
def engine(random_policy: str) -> HFWriter:
    """A fresh engine that no other test has used."""
    return HFWriter(random_policy, "cpu", "float32", 8, Delimiter())


SHAPE = {
    "vocab_size": 352,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 64,
    "initializer_range": 0.1,
}
PATTERN: Any = {"sliding_window_pattern": 2}
OTHERS = {
    "learned positions": GPT2Config(**SHAPE, n_positions=128),
    "a sliding window": MistralConfig(**SHAPE, intermediate_size=96, num_key_value_heads=2, sliding_window=8),
    "local and global layers": Gemma3TextConfig(
        **SHAPE,
        intermediate_size=96,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_write_from_their_own_probabilities(name: str, random_policy: str, tmp_path: Path):
    """Prompts of 2 to 12 tokens in one batch, whose rows end one after another, against each row read by itself."""
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(OTHERS[name])
    model.save_pretrained(tmp_path)
    HF(random_policy).engine.tokenizer.save_pretrained(tmp_path)
    engine = HFWriter(str(tmp_path), "cpu", "float32", 8, Delimiter())
    rows = [row(list(range(7, 7 + n)), seed=n, max_tokens=5 * n, max_step_tokens=99) for n in (2, 3, 7, 12)]
    asyncio.run(engine.write(rows))
    for one in rows:
        written = torch.tensor(ids_of(one.steps))
        raw = (
            model.eval()(torch.tensor([[*one.prompt, *written.tolist()]])).logits[0, len(one.prompt) - 1 : -1].detach()
        )
        theirs = raw.log_softmax(-1).gather(1, written[:, None])[:, 0]
        assert [value for step in one.steps for value in step.logprobs] == pytest.approx(theirs.tolist(), abs=1e-4)
        assert len(written) == one.limits.max_tokens or one.steps[-1].finished


# prompts and tokenizers of other models


def test_a_delimiter_that_the_model_cannot_write_is_an_error(random_policy: str):
    """Several tokens may write it together."""
    assert not Delimiter("-----").stops(HF(random_policy, delimiter="-----").engine.vocabulary.texts)
    with pytest.raises(ModelError, match="delimiter='-…': no token of the model holds '…'"):
        _ = HF(random_policy, delimiter="-\u2026").engine


def test_a_tokenizer_without_a_template_gets_the_bare_question(random_policy: str):
    tokenizer = HFWriter(random_policy, "cpu", "float32", 1, Delimiter()).tokenizer
    tokenizer.chat_template = None
    assert encode_question(tokenizer, "(1 + 2) =", "Reason.") == tokenizer.encode("(1 + 2) =\n")


def test_a_tokenizer_that_begins_every_text_with_a_token_does_so_once(engine: HFWriter):
    """The template writes that token already; without a template the tokenizer does."""
    tokenizer: Any = engine.tokenizer
    begin = tokenizer.convert_tokens_to_ids("<|im_start|>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing("<|im_start|> $0", None, [("<|im_start|>", begin)])
    assert tokenizer.encode("7")[0] == begin
    assert encode_question(tokenizer, "(1 + 2) =", "").count(begin) == 1
    tokenizer.chat_template = None
    assert encode_question(tokenizer, "(1 + 3) =", "").count(begin) == 1


def test_a_template_that_refuses_a_system_message_gets_its_text_before_the_question(random_policy: str):
    tokenizer = HFWriter(random_policy, "cpu", "float32", 1, Delimiter()).tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "[{{ m.content }}]{% endfor %}"
    )
    assert encode_question(tokenizer, "1 + 2", "Reason.") == tokenizer.encode("[Reason.\n\n1 + 2]")


def test_steps_keep_their_leading_space_with_tokenizers_that_drop_it(engine: HFWriter):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["▁the", "▁sum", "a", "▁", "▁a", "<unk>", "s"]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer, core.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    engine.tokenizer = PreTrainedTokenizerFast(tokenizer_object=core)
    assert engine.tokenizer.decode([0]) == "the"
    assert decode_all(engine.tokenizer, [[0, 1], [2, 6]]) == [" the sum", "as"]


def test_a_model_without_a_pad_token_or_an_end_token_runs_to_its_limits(random_policy: str, tmp_path: Any):
    folder = save_random(Qwen2ForCausalLM, tmp_path, 0, pad_token_id=None, eos_token_id=None)
    tokenizer = HF(random_policy).engine.tokenizer.__class__.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    (tmp_path / "chat_template.jinja").unlink()
    engine = HFWriter(folder, "cpu", "float32", 8, Delimiter())
    rows = [row([5, 6, 7][:n], max_tokens=5) for n in (1, 3)]
    asyncio.run(engine.write(rows))
    assert engine.vocabulary.end_ids == frozenset()
    assert all(isinstance(one.steps[-1], Step) and len(ids_of(one.steps)) <= 5 for one in rows)
