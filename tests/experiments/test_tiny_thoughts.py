"""What the small thinking policy learns from: thoughts made of samples, and the tokens that it is trained on."""

import random
import re
from typing import Any

from experiments.problems import arithmetic
from experiments.tiny.thoughts import AGAIN, CLOSE, think
from experiments.tiny.tokenizer import build_tokenizer
from experiments.tiny.train_thinking import Encoder
from experiments.tiny.training import IGNORED

QUESTION = "((1 + 2) * (5 - 3)) ="
RIGHT = arithmetic.solution(arithmetic.read(QUESTION))  # pyright: ignore[reportArgumentType]
WRONG = ["1 + 2 = 4\n(4 * (5 - 3))\n\n", "5 - 3 = 2\n(4 * 2)\n\n", "4 * 2 = 8\n\\boxed{8}"]
UNENDING = ["1 + 2 = 3\n(3 * (5 - 3))\n\n"]


def thoughts(*attempts: list[str], count: int = 300) -> list[Any]:
    rng = random.Random(0)
    return [thought for _ in range(count) if (thought := think(QUESTION, attempts, rng))]


def test_a_thought_ends_when_two_attempts_agree_and_the_answer_is_theirs():
    ended = [thought for thought in thoughts(RIGHT, WRONG, RIGHT, WRONG) if thought.closed]
    assert len(ended) > 100
    for thought in ended:
        lists = re.findall(r"^-?\d+(?:, -?\d+)*$", thought.thought, re.MULTILINE)
        values = lists[-1].split(", ")
        assert values[-1] in values[:-1] and len(set(values[:-1])) == len(values) - 1
        assert thought.answer == f"\\boxed{{{values[-1]}}}"
        assert thought.thought.count(AGAIN) == len(lists) - 1 == thought.thought.count("\\boxed") - 1


def test_a_cut_thought_is_answered_by_its_last_result_or_worked_out():
    cut = [thought for thought in thoughts(RIGHT, WRONG) if thought.thought and not thought.closed]
    assert len(cut) > 50 and not [thought for thought in thoughts(RIGHT, WRONG) if thought.closed], "none agree"
    for thought in cut:
        lists = re.findall(r"^-?\d+(?:, -?\d+)*$\n\n", thought.thought, re.MULTILINE)
        last = lists[-1].split(", ")[-1].strip() if lists else None
        assert thought.answer == ("".join(RIGHT).rstrip() if last is None else f"\\boxed{{{last}}}")


def test_without_a_whole_attempt_there_is_no_thought():
    assert thoughts(UNENDING, UNENDING) == []


def test_what_a_limit_cut_is_not_trained_on():
    tokenizer: Any = build_tokenizer(thinking=True)
    encoder, close = Encoder(tokenizer), tokenizer.convert_tokens_to_ids(CLOSE)
    for thought in thoughts(RIGHT, WRONG, RIGHT):
        ids, labels = encoder.document(QUESTION, thought)
        assert len(ids) == len(labels) and ids.count(close) == 1
        assert (close in labels) == thought.closed
        assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
        answer = tokenizer.decode([i for i in labels if i != IGNORED]).rpartition(CLOSE)[2].strip()
        assert answer == thought.answer + tokenizer.eos_token
