r"""What the small thinking policy learns from: problems worked out with every long operation digit by digit.

A thought is the worked solution with, before the result of a long operation, a line of its columns from the right, with
what is carried or borrowed:

    <think>
    5 * 9 * 8 = 45 * 8
    45 * 8: 5 * 8 = 40, 4 * 8 + 4 = 36: 360
    = 360
    (360 - 98)

    360 - 98
    360 - 98: 10 - 8 = 2, 16 - 9 - 1 = 6, 3 - 1 = 2: 262
    = 262
    \boxed{262}

    </think>

The answer is the worked solution without the columns; where a limit cuts the thought short, the policy works the rest
out as it would without one. In some thoughts a first pass went wrong at one result, and a right one follows `Wait`: the
policy learns neither to err nor to write that word, but to work all out again where somebody else writes it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

from experiments.problems import arithmetic
from experiments.problems.arithmetic import Group
from policies.engines.thinking import KNOWN

OPEN, CLOSE = KNOWN[0]
AGAIN = "Wait"


@dataclass(frozen=True)
class Thought:
    """What stands between the tags, and behind the closing one.

    `given` is a first pass with its `Wait`, which the model shall not learn to write. `closed` says whether the model
    closes the thought, or else a limit, which it shall not learn either. The prompt closes an empty one.
    """

    given: str
    thought: str
    answer: str
    closed: bool


def think(tree: Group, rng: random.Random) -> Thought:
    """A thought about a problem: of twenty three are empty, six are cut short, and three begin with a wrong pass."""
    answer, draw = "".join(arithmetic.solution(tree)), rng.random()
    if draw < 0.15:
        return Thought("", "", answer, closed=False)
    text = "".join(working(tree)) + "\n\n"
    if draw < 0.45:
        return Thought("", text[: rng.randrange(1, len(text))], answer, closed=False)
    first = "".join(working(tree, rng)) + f"\n\n{AGAIN}\n\n" if draw < 0.6 else ""
    return Thought(first, text, answer, closed=True)


def working(tree: arithmetic.Item, slip: random.Random | None = None) -> list[str]:
    """The worked solution with columns, one text a group; with `slip` one result, drawn by it, is wrong."""
    steps: list[str] = []
    wrong = slip.randrange(len(arithmetic.solution(tree))) if slip else None
    while isinstance(tree, Group):
        calculate = partial(_wrongly, slip) if slip and len(steps) == wrong else carefully
        text, after = arithmetic.reduce_once(tree, calculate)
        steps.append(arithmetic.written(text, after))
        tree = after
    return steps


def carefully(group: Group) -> tuple[str, int]:
    """A group of numbers worked out, the columns of a long operation on lines of their own: the text and the result."""
    text, item = arithmetic.flat(group), group
    while isinstance(item, Group):
        _, left, op, right = arithmetic.operation(item)
        lines = columns(left, op, right)
        item = arithmetic.operate(item)
        after = arithmetic.flat(item) if isinstance(item, Group) else str(item)
        text += "".join(f"\n{line}" for line in lines) + (f"\n= {after}" if lines else f" = {after}")
    return text, item


def _wrongly(rng: random.Random, group: Group) -> tuple[str, int]:
    """As `carefully`, with one digit of the result changed."""
    text, value = carefully(group)
    digits = list(str(abs(value)))
    place = rng.randrange(len(digits))
    digits[place] = rng.choice([digit for digit in "123456789" if digit != digits[place]])
    wrong = int("".join(digits)) * (-1 if value < 0 else 1)
    return text.removesuffix(str(value)) + str(wrong), wrong


def columns(left: int, op: str, right: int) -> list[str]:
    """One line for an operation on long numbers, one a digit for a long product, none for what is known by heart."""
    a, b = sorted((abs(left), abs(right)), reverse=True)
    if op == "*":
        if b >= 10:
            return [_product(abs(left), int(digit)) for digit in str(abs(right)) if digit != "0"]
        return [_product(a, b)] if a >= 10 and b else []
    if b == 0 or (b < 10 and a < 100):
        return []
    alike = (left < 0) == ((right < 0) != (op == "-"))
    return [_sum(a, b) if alike else _difference(a, b)]


def _product(number: int, digit: int) -> str:
    parts, carried = list[str](), 0
    for each in map(int, reversed(str(number))):
        result = each * digit + carried
        parts.append(f"{each} * {digit}{_term('+', carried or None)} = {result}")
        carried = result // 10
    return _line(f"{number} * {digit}", parts, number * digit)


def _sum(a: int, b: int) -> str:
    parts, carried = list[str](), 0
    for one, other in _digits(a, b):
        result = one + (other or 0) + carried
        parts.append(f"{one}{_term('+', other)}{_term('+', carried or None)} = {result}")
        carried = result // 10
    return _line(f"{a} + {b}", parts, a + b)


def _difference(a: int, b: int) -> str:
    parts, borrowed = list[str](), 0
    for one, other in _digits(a, b):
        top = one + 10 * (one < (other or 0) + borrowed)
        parts.append(f"{top}{_term('-', other)}{_term('-', borrowed or None)} = {top - (other or 0) - borrowed}")
        borrowed = int(top > 9)
    return _line(f"{a} - {b}", parts, a - b)


def _digits(a: int, b: int) -> list[tuple[int, int | None]]:
    """From the right; None where the second number, the smaller one, has no digit any more."""
    pairs = zip_longest(reversed(str(a)), reversed(str(b)))
    return [(int(one), None if other is None else int(other)) for one, other in pairs]


def _term(op: str, number: int | None) -> str:
    return "" if number is None else f" {op} {number}"


def _line(operation: str, parts: Sequence[str], result: int) -> str:
    return f"{operation}: {', '.join(parts)}: {result}"
