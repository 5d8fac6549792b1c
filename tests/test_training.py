"""Training of the small models: the loss falls, a run that was interrupted goes on as if it had not been."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM

from experiments import arithmetic
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.train_policy import config, documents, next_token_loss
from experiments.tiny.train_prm import Reader
from experiments.tiny.training import IGNORED, Schedule, pack, train

TOKENIZER: Any = build_tokenizer()


def run(steps: int, folder: Path, stop: int | None = None) -> tuple[Qwen2ForCausalLM, list[float]]:
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config(TOKENIZER, hidden=64, layers=2))
    schedule = Schedule(steps, rows=2, row_tokens=128, learning_rate=5e-3, warmup=2, save_every=4, stop=stop)

    def rows(step: int):
        packed = pack(documents(TOKENIZER, 0, set()), 128, TOKENIZER.pad_token_id)
        return itertools.islice(packed, step * 2, None)

    return model, train(model, rows, next_token_loss, schedule, folder, log=lambda line: None)


def test_the_loss_falls(tmp_path: Path):
    _, losses = run(40, tmp_path)
    assert losses[-1] < 0.75 * losses[0]


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path):
    whole, losses = run(8, tmp_path / "whole")
    run(8, tmp_path / "parts", stop=4)
    parts, later = run(8, tmp_path / "parts")
    assert later == pytest.approx(losses[4:], rel=1e-4)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_rows_hold_whole_documents_and_train_on_solutions_only():
    ids, labels = next(pack(documents(TOKENIZER, 0, set()), 256, TOKENIZER.pad_token_id))
    assert len(ids) == len(labels) == 256
    trained = TOKENIZER.decode(ids[labels != IGNORED])
    assert "<|im_start|>" not in trained
    assert "\\boxed{" in trained


def test_held_out_questions_are_never_written():
    first = next(documents(TOKENIZER, 0, set()))
    text = TOKENIZER.decode(first[0]).removeprefix("<|im_start|>").split("<|im_end|>")[0]
    assert next(documents(TOKENIZER, 0, {text})) != first
    assert len(arithmetic.held_out()) == arithmetic.SHIPPED_COUNT


def test_the_prm_reader_marks_the_first_mistake():
    question = "((1 + 2) * (3 + 4)) ="
    truth = ["1 + 2 = 3\n(3 * (3 + 4))\n\n", "3 + 4 = 7\n(3 * 7)\n\n", "3 * 7 = 21\n\\boxed{21}"]
    wrong = [truth[0], "3 + 4 = 8\n(3 * 8)\n\n", "3 * 8 = 24\n\\boxed{24}"]
    reader = Reader(TOKENIZER)
    ids, labels = reader.document(question, wrong, truth)
    assert len(ids) == len(labels)
    assert [label for token, label in zip(ids, labels, strict=True) if token == reader.tag] == [1, 0, 0]
    tags = [place for place, token in enumerate(ids) if token == reader.tag]
    marks = list(zip(TOKENIZER.convert_ids_to_tokens(ids), labels, strict=True))[tags[0] + 1 : tags[1]]
    assert [mark for _, mark in marks[:4]] == [1, 1, 1, 1], "3, +, 4 and = are right"
    assert marks[4] == ("8", 0)
    assert all(label == IGNORED for label in labels[tags[1] + 1 : tags[2]]), "after a mistake only tags are labelled"
