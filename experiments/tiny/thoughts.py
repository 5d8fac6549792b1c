r"""What the small thinking policy learns from: problems that are tried, checked, and sometimes corrected.

A thought is the worked solution. Each of its long operations is checked digit by digit, from the right, with what is
carried or borrowed; where a result was wrong, the line is written again from there:

    <think>
    5 * 9 * 8 = 45 * 8 = 350
    45 * 8: 5 * 8 = 40, 4 * 8 + 4 = 36: 360
    Wait
    45 * 8 = 360
    (360 - 98)

    360 - 98 = 262
    360 - 98: 10 - 8 = 2, 16 - 9 - 1 = 6, 3 - 1 = 2: 262
    \boxed{262}

    </think>

    \boxed{262}

The answer is the result alone, so that a thought which a limit cuts short leaves a guess. In some thoughts a quick
first pass comes before; the policy does not learn to write it, but to work all out where somebody else writes `Wait`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import NamedTuple

from experiments.problems import arithmetic
from experiments.problems.arithmetic import Group, Item
from experiments.tiny.changes import other_digit
from policies.engines.thinking import KNOWN

OPEN, CLOSE = KNOWN[0]
AGAIN = "Wait"
WRONG = 0.35  # share of the lines with a long operation in which one is wrong at first


class Piece(NamedTuple):
    """Text, and whether the model shall learn to write it."""

    text: str
    learnt: bool = True


@dataclass(frozen=True)
class Thought:
    """What stands between the tags, and behind the closing one.

    `closed` says whether the model closes the thought, or else a limit, which it shall not learn. The prompt closes an
    empty one.
    """

    pieces: Sequence[Piece]
    answer: str
    closed: bool

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def think(tree: Group, rng: random.Random) -> Thought:
    """A thought about a problem: of twenty two are empty, six are cut short, and three begin with a quick pass."""
    answer, draw = f"\\boxed{{{arithmetic.value(tree)}}}", rng.random()
    if draw < 0.1:
        return Thought([], answer, closed=False)
    pieces = [*working(tree, rng), Piece("\n\n")]
    if draw < 0.4:
        text = "".join(piece.text for piece in pieces)
        return Thought([Piece(text[: rng.randrange(1, len(text))], learnt=False)], answer, closed=False)
    before = [Piece(f"{quick(tree, rng)}\n\n{AGAIN}\n\n", learnt=False)] if draw < 0.55 else []
    return Thought([*before, *pieces], answer, closed=True)


def working(tree: Item, rng: random.Random) -> list[Piece]:
    """The worked solution with its checks, and with corrections where `rng` has a result wrong at first."""
    pieces: list[Piece] = []
    while isinstance(tree, Group):
        _, tree = arithmetic.reduce_once(tree, partial(_tried, pieces, rng))
        pieces.append(Piece(arithmetic.written("", tree)))
    return pieces


def quick(tree: Item, rng: random.Random) -> str:
    """The worked solution without checks; in half of them one result is wrong, and what follows from it."""
    wrong = rng.randrange(len(arithmetic.solution(tree))) if rng.random() < 0.5 else None
    steps: list[str] = []
    while isinstance(tree, Group):
        line, after = arithmetic.reduce_once(tree, partial(_slipped, rng) if len(steps) == wrong else None)
        steps.append(arithmetic.written(line, after))
        tree = after
    return "".join(steps)


def _tried(pieces: list[Piece], rng: random.Random, group: Group) -> tuple[str, int]:
    """Adds the calculation of a group of numbers with its checks to `pieces`; no text, and the result."""
    items = arithmetic.operations(group)
    checks = [columns(*arithmetic.operation(item)[1:]) for item in items if isinstance(item, Group)]
    long = [place for place, lines in enumerate(checks) if lines]
    wrong = rng.choice(long) if long and rng.random() < WRONG else None
    if wrong is None:
        pieces.append(Piece(arithmetic.chain(items) + _lines(checks)))
    else:
        result = _mistaken(items[wrong], items[wrong + 1], rng)
        pieces.append(Piece(arithmetic.chain(items[: wrong + 1])))
        pieces.append(Piece(f" = {arithmetic.chain(arithmetic.operations(result))}", learnt=False))
        again = arithmetic.chain(items[wrong:])
        pieces.append(Piece(f"{_lines(checks[: wrong + 1])}\n{AGAIN}\n{again}{_lines(checks[wrong + 1 :])}"))
    return "", arithmetic.value(group)


def _slipped(rng: random.Random, group: Group) -> tuple[str, int]:
    """The calculation of a group of numbers, with a wrong result."""
    items = arithmetic.operations(group)
    result = _mistaken(items[-2], items[-1], rng)
    assert isinstance(result, int)
    return arithmetic.chain([*items[:-1], result]), result


def _mistaken(before: Item, after: Item, rng: random.Random) -> Item:
    """What stands after an operation, with one digit of the operation's result changed."""
    assert isinstance(before, Group)
    if isinstance(after, int):
        return other_digit(after, rng)
    place = arithmetic.operation(before)[0]
    result = after.items[place]
    assert isinstance(result, int)
    return Group((*after.items[:place], other_digit(result, rng), *after.items[place + 1 :]), after.ops)


def _lines(checks: Sequence[Sequence[str]]) -> str:
    return "".join(f"\n{line}" for lines in checks for line in lines)


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
