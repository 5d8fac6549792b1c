"""The queue in front of a process reward model: little padding, and trouble that stays where it arose."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from experiments.tiny.tokenizer import build_tokenizer
from scorers.checkpoints.heads import Head
from scorers.checkpoints.hf_reader import HFReader
from tests.models import pause_at, unpadded

LENGTHS = [10, 11, 12, 12, 30, 31, 90, 91, 95, 200]


@pytest.fixture
def reader(random_prm: str) -> HFReader:
    """One that no other test has used."""
    return HFReader(Head.PRM, random_prm, "cpu", "float32", 16)


async def read(reader: HFReader, lengths: list[int]) -> list[Any]:
    """Readings of these lengths at the same time: Scored, or what went wrong."""
    readings = [reader.read([5 + i % 40 for i in range(n)], [n // 2, n - 1]) for n in lengths]
    return await asyncio.gather(*readings, return_exceptions=True)


def watch(reader: HFReader) -> list[tuple[int, int]]:
    """Gathers (padded, real) tokens of each forward pass."""
    passes: list[tuple[int, int]] = []

    def note(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        passes.append((inputs["input_ids"].numel(), int(unpadded(inputs["input_ids"]).sum())))

    reader.decoder.register_forward_pre_hook(note, with_kwargs=True)
    return passes


def test_a_batch_of_mixed_lengths_is_split_where_it_would_be_padded(reader: HFReader):
    passes = watch(reader)
    scored = asyncio.run(read(reader, LENGTHS[::-1]))
    assert len(passes) == 4 and all(padded <= 1.2 * real for padded, real in passes)
    assert sum(real for _, real in passes) == sum(LENGTHS) == reader.meter.total.computed
    one_by_one = [asyncio.run(read(reader, [n]))[0] for n in LENGTHS[::-1]]
    for together, alone in zip(scored, one_by_one, strict=True):
        assert together.scores == pytest.approx(alone.scores, abs=1e-5)


def test_a_poison_reading_fails_alone_and_nothing_is_read_twice(reader: HFReader):
    """The poison is the longest: all others are read before it."""
    fine = LENGTHS[:-1]

    async def run() -> Any:
        poison = reader.read([10**6] * 200, [199])
        return await asyncio.gather(read(reader, fine), poison, return_exceptions=True)

    scored, failure = asyncio.run(run())
    assert isinstance(failure, IndexError)
    assert [one.cost.computed for one in scored] == fine
    assert reader.meter.abandoned.computed == 0
    assert reader.meter.total.computed == sum(fine)


def test_a_cancelled_reading_is_left_out_or_told(reader: HFReader):
    """Held at its first pass until all are cancelled: that pass has a cost, the others are never made.

    Who gathers the readings is no search and drops what they tell (test_stopped).
    """
    passes = watch(reader)

    async def run() -> None:
        task = asyncio.create_task(read(reader, LENGTHS))
        with pause_at(reader.decoder, 0, task):
            await asyncio.wait([task])

    asyncio.run(run())
    asyncio.run(read(reader, [300]))  # behind it in the queue
    assert [real for _, real in passes] == [sum(LENGTHS[:4]), 300]
    assert reader.meter.total.computed == sum(LENGTHS[:4]) + 300


def masks(reader: HFReader) -> list[bool]:
    """Whether each forward pass was given an attention mask."""
    given: list[bool] = []

    def note(module: Any, args: Any, inputs: dict[str, Any]) -> None:
        given.append(inputs.get("attention_mask") is not None)

    reader.decoder.register_forward_pre_hook(note, with_kwargs=True)
    return given


def test_a_causal_model_reads_the_same_without_a_mask(reader: HFReader):
    """No token sees the padding behind it, with a mask or without."""
    given, lengths = masks(reader), [90, 91, 95, 100]
    ids = torch.tensor([[5 + i % 40 if i < n else 0 for i in range(100)] for n in lengths])
    with torch.inference_mode():
        bare = reader.decoder(input_ids=ids, use_cache=False).last_hidden_state
        masked = reader.decoder(input_ids=ids, attention_mask=unpadded(ids).long(), use_cache=False).last_hidden_state
    kept = unpadded(ids)
    torch.testing.assert_close(bare[kept], masked[kept], rtol=0, atol=1e-6)
    assert not torch.allclose(bare[~kept], masked[~kept], atol=1e-3), "the test needs padding that shows"
    given.clear()
    asyncio.run(read(reader, lengths))
    assert given == [False]


def test_a_model_that_looks_ahead_keeps_its_mask(tmp_path: Path):
    """Padding would be read by every token of a shorter text."""
    build_tokenizer().save_pretrained(tmp_path)
    torch.manual_seed(2)
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_labels": 2}
    config = BertConfig(vocab_size=len(build_tokenizer()), num_attention_heads=2, initializer_range=0.3, **sizes)
    BertForTokenClassification(config).save_pretrained(tmp_path)
    reader = HFReader(Head.TOKENS, str(tmp_path), "cpu", "float32", 16)
    given = masks(reader)
    together = asyncio.run(read(reader, [90, 100]))
    assert given == [True]
    alone = asyncio.run(read(reader, [90]))[0]
    assert together[0].scores == pytest.approx(alone.scores, abs=1e-5)
