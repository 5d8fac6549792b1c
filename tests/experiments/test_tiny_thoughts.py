"""What the small thinking policy learns from: problems worked out by columns, and the tokens that it is trained on."""

import random
from typing import Any

import pytest

from experiments.problems import arithmetic
from experiments.tiny.thoughts import AGAIN, CLOSE, Thought, columns, quick, think, working
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


def test_a_thought_corrects_what_was_wrong_and_ends_with_the_right_answer():
    rng, corrected = random.Random(1), 0
    for _ in range(300):
        pieces = working(item := problem(rng), rng)
        learnt = "".join(piece.text for piece in pieces if piece.learnt)
        parts = [part for line in learnt.splitlines() if ": " in line for part in line.split(": ")[1].split(", ")]
        chains = [line.split(" = ") for line in learnt.splitlines() if " = " in line and ": " not in line]
        for left, right in [part.split(" = ") for part in parts]:
            assert arithmetic.parse(left) == int(right), learnt
        for chain in chains:
            assert len({arithmetic.parse(each) for each in chain}) == 1, learnt
        assert learnt.endswith(f"\\boxed{{{arithmetic.value(item)}}}")
        for before, wrong, after in zip(pieces, pieces[1:], pieces[2:], strict=False):
            if not wrong.learnt:
                values = [arithmetic.parse(each) for each in wrong.text.removeprefix(" = ").split(" = ")]
                assert len(set(values)) == 1 and values[0] != arithmetic.parse(before.text.rpartition(" = ")[2])
                assert f"\n{AGAIN}\n" in after.text
                corrected += 1
    assert corrected > 30


def test_half_of_the_quick_passes_are_wrong():
    gold = f"\\boxed{{{arithmetic.value(tree())}}}"
    wrong = sum(not quick(tree(), random.Random(seed)).endswith(gold) for seed in range(100))
    assert 30 < wrong < 70


def test_a_thought_is_empty_or_cut_or_whole_and_the_answer_is_the_result_alone():
    gold = f"\\boxed{{{arithmetic.value(tree())}}}"
    kinds = {"empty": 0, "cut": 0, "whole": 0, "again": 0}
    for thought in thoughts():
        assert thought.answer == gold
        kinds["again"] += not thought.pieces[0].learnt if thought.closed else 0
        if thought.closed:
            assert thought.text.endswith(f"{gold}\n\n")
        else:
            assert not any(piece.learnt for piece in thought.pieces)
        kinds["whole" if thought.closed else "cut" if thought.pieces else "empty"] += 1
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
        inside, _, answer = trained.rpartition(CLOSE)
        assert answer.strip() == thought.answer + tokenizer.eos_token
        assert inside == "".join(piece.text for piece in thought.pieces if piece.learnt)


def test_pieces_have_the_tokens_of_the_whole():
    tokenizer: Any = build_tokenizer(thinking=True)
    for thought in thoughts():
        apart = [token for piece in thought.pieces for token in tokenizer.encode(piece.text)]
        assert apart == tokenizer.encode(thought.text)
