"""Generated arithmetic: exact values, worked solutions, labels, and a parser that hostile text cannot hold up."""

import json
import random
import time
from pathlib import Path

import pytest

from experiments.problems import arithmetic
from experiments.problems.arithmetic import (
    Group,
    calculation,
    labels,
    parse,
    question,
    read,
    solution,
    state_after,
    value,
)
from experiments.tiny.train_policy import problem

BIGBENCH = Path(__file__).parents[3] / "shared" / "data" / "bigbench_mistake" / "multistep_arithmetic.jsonl"
SHIPPED = arithmetic.problem_set(arithmetic.SHIPPED_SEED, arithmetic.SHIPPED_COUNT)
EXAMPLE = Group((Group((5, 2, 1, 6), ("+", "*", "-")), Group((5, 3, -2, 2), ("+", "-", "*"))), ("+",))


def test_the_worked_example_is_written_as_documented():
    assert question(EXAMPLE) == "((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) ="
    assert value(EXAMPLE) == 13
    assert solution(EXAMPLE) == [
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n(1 + (5 + 3 - -2 * 2))\n\n",
        "5 + 3 - -2 * 2 = 5 + 3 - -4 = 8 - -4 = 12\n(1 + 12)\n\n",
        "1 + 12 = 13\n\\boxed{13}",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "3 + -5 = -2",
        "-3 - -5 = 2",
        "9 * -123 = -1107",
        "60 * 35 = 1800 + 300 = 2100",
        "-60 * -35 = 1800 + 300 = 2100",
        "60 * -35 = -1800 - 300 = -2100",
        "12 * 345 = 3600 + 480 + 60 = 4080 + 60 = 4140",
        "12 * 100 = 1200",
        "9 * 9 * 9 * 9 = 81 * 9 * 9 = 729 * 9 = 6561",
        "5 - 12 * 13 = 5 - 120 - 36 = -115 - 36 = -151",
        "5 - 12 * -13 = 5 - -120 + 36 = 125 + 36 = 161",
        "12 * 13 * 2 = 156 * 2 = 312",
    ],
)
def test_a_calculation_is_written_out(line: str):
    texts = line.split(" = ")
    group = arithmetic.read(texts[0])
    assert isinstance(group, Group)
    assert calculation(group) == (line, int(texts[-1]))
    assert [parse(text) for text in texts] == [int(texts[-1])] * len(texts)


def test_value_agrees_with_python_and_with_the_parser():
    for tree in SHIPPED:
        # ours alone, digits and operators: no stranger's text is ever evaluated
        assert value(tree) == eval(str(tree)) == parse(question(tree))


def test_every_step_of_every_solution_is_labelled_right():
    rng = random.Random(1)
    drills = [arithmetic.drill(rng) for _ in range(200)]
    for tree in [*SHIPPED, *drills, arithmetic.expression(rng, 8, 2)]:
        steps = solution(tree)
        assert all(labels(question(tree), steps))
        assert len(steps) == str(tree).count("(")
        assert all(step.endswith("\n\n") for step in steps[:-1])
        assert steps[-1].endswith(f"\n\\boxed{{{value(tree)}}}")


@pytest.mark.parametrize(
    "wrong",
    [
        "5 + 2 * 1 - 6 = 5 + 3 - 6 = 8 - 6 = 2\n(2 + (5 + 3 - -2 * 2))\n\n",  # a wrong product
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n(1)\n\n",  # a dropped group
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n(1 + (5 + 3 - 2 * 2))\n\n",  # a lost sign
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n(1 + (5 + 3 - -2 * 2)\n\n",  # unbalanced
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n\n",  # no expression after the calculation
        "5 + 2 * 1 - 6 = 5 + 2 - 6 = 7 - 6 = 1\n\\boxed{12}",
        "\\boxed{}",
        "\n\n",
        "",
    ],
)
def test_a_corrupted_step_is_labelled_wrong_and_no_other(wrong: str):
    steps = solution(EXAMPLE)
    found = labels(question(EXAMPLE), [wrong, *steps[1:]])
    assert found == [False, *[True] * (len(steps) - 1)]


def test_a_question_that_is_no_expression_has_no_right_step():
    assert labels("What is one and one?", ["1 + 1 = 2\n\\boxed{2}"]) == [False]


def test_state_after_reads_the_last_line():
    assert state_after("7 - 6 = 1\n(1 + 12)\n\n") == 13
    assert state_after("1 + 12 = 13\n\\boxed{ -13 }") == -13
    assert state_after("\\boxed{13} \\boxed{14}") == 14


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2+3*4", 14), ("(2 + 3)*4 =", 20), ("(-7 - (3 - -4))", -14), ("8 - 3 - 2", 3), ("  0 ", 0)],
)
def test_parse_reads_expressions(text: str, expected: int):
    assert parse(text) == expected


HOSTILE = {
    "100 kB of digits": "9" * 100_000,
    "100 kB of open parentheses": "(" * 100_000,
    "100 kB of spaces": " " * 100_000,
    "100 kB of boxes": "\\boxed{" * 14_000,
    "100 kB of a box's spaces": "\\boxed{" + " " * 100_000,
    "nested too deeply": "(" * 900 + "1" + ")" * 900,
    "many signs": "-" * 1_900 + "1",
    "a power": "9**9**9**9",
    "a call": "__import__('os')",
    "NUL": "1\0 + 2",
    "unbalanced": "((1 + 2)",
    "closed twice": "(1 + 2))",
    "two numbers": "1 2",
    "too long a number": "1234567890123",
    "a fraction": "1 / 2",
    "a point": "1.5",
    "an equation": "1 + 1 = 2",
    "no operand": "1 +",
    "nothing": "",
    "only =": "=",
    "other digits": "٣ + ٤",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_has_no_value_and_takes_no_time(text: str):
    began = time.perf_counter()
    assert parse(text) is None
    assert state_after(text) is None
    assert labels(text, [text]) == [False]
    assert time.perf_counter() - began < 1  # milliseconds; the rest is for a busy machine


def test_the_longest_product_parse_accepts_is_quick():
    text = "*".join(["9" * 12] * 150)
    assert len(text) < arithmetic.MAX_EXPRESSION
    assert parse(text) == (10**12 - 1) ** 150


def test_a_problem_set_depends_on_its_seed_and_place_alone():
    assert arithmetic.problem_set(0, 200) == SHIPPED
    assert arithmetic.problem_set(0, 20) == SHIPPED[:20]
    assert arithmetic.problem_set(1, 20) != SHIPPED[:20]


def test_the_shipped_set_is_frozen():
    """The small models were trained without exactly these: a change of the generator needs new models."""
    assert question(SHIPPED[0]) == "(-1 - -2 * 9) ="
    assert sum(value(tree) for tree in SHIPPED) == -2083274
    assert len(arithmetic.held_out()) == 200


def test_level_l_has_l_groups():
    for place, tree in enumerate(SHIPPED):
        assert arithmetic.level(question(tree)) == arithmetic.LEVELS[place % 5]


def test_bigbench_targets_are_the_values_of_their_inputs():
    if not BIGBENCH.exists():
        pytest.skip("no ../shared/data/bigbench_mistake beside the checkout")
    rows = [json.loads(line) for line in BIGBENCH.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 300
    assert [parse(row["input"]) for row in rows] == [int(row["target"]) for row in rows]


def test_the_small_models_are_not_trained_on_bigbench():
    """The first tenth of what the policy saw; all 250,000 problems were looked through once."""
    if not BIGBENCH.exists():
        pytest.skip("no ../shared/data/bigbench_mistake beside the checkout")
    rows = [json.loads(line) for line in BIGBENCH.read_text(encoding="utf-8").splitlines()]
    inputs = {question(read(row["input"]) or 0) for row in rows}
    rng = random.Random(0)
    assert len(inputs) == 300
    assert not inputs & {question(problem(rng)) for _ in range(25_000)}
