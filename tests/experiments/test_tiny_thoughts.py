"""What the small thinking policy learns from: problems worked out by columns, and the tokens that it is trained on."""

import random
import re
from typing import Any

import pytest

from experiments.problems import arithmetic
from experiments.tiny.thoughts import AGAIN, CLOSE, Thought, columns, think, working
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.train_policy import problem
from experiments.tiny.train_thinking import Encoder
from experiments.tiny.training import IGNORED

QUESTION = "((51 * 24) * (5 - 98)) ="


def tree(question: str = QUESTION) -> arithmetic.Group:
    read = arithmetic.read(question)
    assert isinstance(read, arithmetic.Group)
    return read


def thoughts(count: int = 300) -> list[Thought]:
    rng = random.Random(0)
    return [think(tree(), rng) for _ in range(count)]


@pytest.mark.parametrize(
    ("operation", "lines"),
    [
        ((354, "+", 83), ["354 + 83: 4 + 3 = 7, 5 + 8 = 13, 3 + 1 = 4: 437"]),
        ((83, "-", -354), ["354 + 83: 4 + 3 = 7, 5 + 8 = 13, 3 + 1 = 4: 437"]),
        ((98, "-", 164), ["164 - 98: 14 - 8 = 6, 16 - 9 - 1 = 6, 1 - 1 = 0: 66"]),
        ((-98, "+", 164), ["164 - 98: 14 - 8 = 6, 16 - 9 - 1 = 6, 1 - 1 = 0: 66"]),
        ((-6, "*", 107), ["107 * 6: 7 * 6 = 42, 0 * 6 + 4 = 4, 1 * 6 = 6: 642"]),
        ((12, "*", 304), ["12 * 3: 2 * 3 = 6, 1 * 3 = 3: 36", "12 * 4: 2 * 4 = 8, 1 * 4 = 4: 48"]),
        ((7, "*", -8), []),
        ((24, "*", 0), []),
        ((370, "-", 0), []),
        ((46, "+", 9), []),
    ],
)
def test_a_long_operation_has_its_columns(operation: tuple[int, str, int], lines: list[str]):
    assert columns(*operation) == lines


def test_every_equality_of_a_working_is_true_and_its_answer_is_right():
    rng = random.Random(1)
    for _ in range(300):
        text = "".join(working(item := problem(rng)))
        parts = [part for line in text.splitlines() if ": " in line for part in line.split(": ")[1].split(", ")]
        for left, right in (part.split(" = ") for part in parts):
            assert arithmetic.parse(left) == int(right), text
        assert text.endswith(f"\\boxed{{{arithmetic.value(item)}}}")


def test_one_result_of_a_wrong_pass_is_wrong():
    answers = {"".join(working(tree(), random.Random(seed))).rpartition("\\boxed")[2] for seed in range(20)}
    assert len(answers) > 10 and f"{{{arithmetic.value(tree())}}}" not in answers


def test_a_thought_is_empty_or_cut_or_whole_and_the_answer_is_the_worked_solution():
    whole = "".join(working(tree())) + "\n\n"
    kinds = {"empty": 0, "cut": 0, "whole": 0, "again": 0}
    for thought in thoughts():
        assert thought.answer == "".join(arithmetic.solution(tree()))
        kinds["again"] += thought.given.endswith(f"\n\n{AGAIN}\n\n")
        if thought.closed:
            assert thought.thought == whole and (not thought.given or re.search(r"\\boxed\{-?\d+\}", thought.given))
            kinds["whole"] += 1
        else:
            assert whole.startswith(thought.thought) and thought.thought != whole and not thought.given
            kinds["cut" if thought.thought else "empty"] += 1
    assert min(kinds.values()) > 20, kinds


def test_what_the_model_shall_not_write_is_not_trained_on():
    tokenizer: Any = build_tokenizer(thinking=True)
    encoder, close = Encoder(tokenizer), tokenizer.convert_tokens_to_ids(CLOSE)
    for thought in thoughts():
        ids, labels = encoder.document(QUESTION, thought)
        assert len(ids) == len(labels) and ids.count(close) == 1
        assert (close in labels) == thought.closed
        assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
        trained = tokenizer.decode([i for i in labels if i != IGNORED])
        assert AGAIN not in trained
        inside, _, answer = trained.rpartition(CLOSE)
        assert answer.strip() == thought.answer + tokenizer.eos_token
        assert inside == (thought.thought if thought.closed else "")
