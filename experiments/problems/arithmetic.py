r"""Multistep arithmetic in the form of BIG-bench: problems from a seed, worked solutions, exact labels.

A problem is a tree of groups of one-digit integers joined by ``+``, ``-`` and ``*``, for example
``((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) =``. A worked solution works out one group of numbers a step: a line with the
calculation, a line with the whole expression after it, and a blank line. The last line is ``\boxed{13}``.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MAX_EXPRESSION = 2_000  # characters; longer text is no expression of ours


LEVELS = (1, 2, 3, 4, 5)


SHIPPED_SEED, SHIPPED_COUNT = 0, 200


@dataclass(frozen=True)
class Group:
    """Items joined by operators: ``len(ops) == len(items) - 1``; an item is a number or another group."""

    items: tuple["Item", ...]
    ops: tuple[str, ...]

    def __str__(self) -> str:
        words = [str(self.items[0])]
        for op, item in zip(self.ops, self.items[1:], strict=True):
            words += [op, str(item)]
        return f"({' '.join(words)})"


Item = int | Group


# generation


def expression(rng: random.Random, groups: int, size: int) -> Group:
    """A balanced tree over `groups` groups of `size` one-digit integers each."""
    if groups == 1:
        return Group(tuple(rng.randint(-9, 9) for _ in range(size)), _ops(rng, size - 1))
    half = groups // 2
    return Group((expression(rng, groups - half, size), expression(rng, half, size)), _ops(rng, 1))


def _ops(rng: random.Random, count: int) -> tuple[str, ...]:
    return tuple(rng.choice("+-*") for _ in range(count))


def drill(rng: random.Random) -> Group:
    """One operation on numbers of up to four digits: what the later steps of a long solution need."""
    op = rng.choice("+-*")
    most = 3 if op == "*" else 4
    return Group(tuple(_number(rng, most) for _ in range(2)), (op,))


def _number(rng: random.Random, most_digits: int) -> int:
    size = 10 ** rng.randint(1, most_digits)
    return rng.randint(-size + 1, size - 1)


def problem_set(seed: int, count: int, levels: tuple[int, ...] = LEVELS) -> list[Group]:
    """`count` problems, the levels in turn; level L has L groups. A problem depends on (seed, place) alone."""
    problems: list[Group] = []
    for place in range(count):
        rng = random.Random(f"{seed}:{place}")
        problems.append(expression(rng, levels[place % len(levels)], rng.choice((3, 4))))
    return problems


def held_out() -> set[str]:
    """The shipped default's questions, which the small models are never trained on."""
    return {question(tree) for tree in problem_set(SHIPPED_SEED, SHIPPED_COUNT)}


def level(text: str) -> int:
    """Groups of numbers alone in a question."""
    return len(re.findall(r"\([^()]*\)", text))


def question(tree: Item) -> str:
    return f"{tree} ="


# solution


def value(tree: Item) -> int:
    """Exact value: multiplication first, then from left to right."""
    if isinstance(tree, int):
        return tree
    total, term = 0, value(tree.items[0])
    for op, item in zip(tree.ops, tree.items[1:], strict=True):
        if op == "*":
            term *= value(item)
        else:
            total, term = total + term, value(item) if op == "+" else -value(item)
    return total + term


def solution(tree: Item) -> list[str]:
    """The worked solution, one text a step, each ending with the delimiter except the last."""
    steps: list[str] = []
    while isinstance(tree, Group):
        line, tree = reduce_once(tree)
        steps.append(written(line, tree))
    return steps


def written(line: str, after: Item) -> str:
    """A step: its calculation, and what stands after it."""
    return f"{line}\n{after}\n\n" if isinstance(after, Group) else f"{line}\n\\boxed{{{after}}}"


def reduce_once(tree: Group, calculate: Callable[[Group], tuple[str, int]] | None = None) -> tuple[str, Item]:
    """The leftmost innermost group becomes a number: (its calculation, the tree after it)."""
    for place, item in enumerate(tree.items):
        if isinstance(item, Group):
            text, after = reduce_once(item, calculate)
            return text, Group((*tree.items[:place], after, *tree.items[place + 1 :]), tree.ops)
    return (calculate or calculation)(tree)


def calculation(group: Group) -> tuple[str, int]:
    """A group of numbers worked out, one operation an equality: the line and the result."""
    items = operations(group)
    assert isinstance(items[-1], int)
    return chain(items), items[-1]


def operations(item: Item) -> list[Item]:
    """A group of numbers after each of its operations, from itself to the number."""
    items = [item]
    while isinstance(item, Group):
        item = operate(item)
        items.append(item)
    return items


def chain(items: Sequence[Item]) -> str:
    """Expressions of equal value, with signs of equality between."""
    return " = ".join(flat(item) if isinstance(item, Group) else str(item) for item in items)


def flat(group: Group) -> str:
    """Its text without the parentheses around it."""
    return str(group)[1:-1]


def operation(group: Group) -> tuple[int, int, str, int]:
    """What is worked out first, a product if there is one: its place among the operators, and left, operator, right."""
    place = group.ops.index("*") if "*" in group.ops else 0
    left, right = group.items[place], group.items[place + 1]
    assert isinstance(left, int) and isinstance(right, int)
    return place, left, group.ops[place], right


def operate(group: Group) -> Item:
    """The first product, or else the first operation, becomes a number; a long product its partial products."""
    place, left, op, right = operation(group)
    if op != "*":
        parts = [left + right if op == "+" else left - right]
    elif "*" in group.ops[place + 1 : place + 2]:
        parts = [left * right]  # a sum could not stand before the next product without parentheses
    else:
        parts = _partial_products(left, right)
    taken_away = place > 0 and group.ops[place - 1] == "-"
    signs = ["-" if (part < 0) != taken_away else "+" for part in parts[1:]]
    items = (*group.items[:place], parts[0], *map(abs, parts[1:]), *group.items[place + 2 :])
    ops = (*group.ops[:place], *signs, *group.ops[place + 1 :])
    return Group(items, ops) if ops else parts[0]


def _partial_products(left: int, right: int) -> list[int]:
    """One number where one of the two has a single digit."""
    if abs(left) < 10 or abs(right) < 10:
        return [left * right]
    sign = -1 if right < 0 else 1
    digits = str(abs(right))
    places = [int(d) * 10 ** (len(digits) - i - 1) for i, d in enumerate(digits)]
    return [sign * left * p for p in places if p]


# labels

_TOKEN = re.compile(r"\s*([0-9]{1,12}|[-+*()])")


_BOXED = re.compile(r"\\boxed\{\s*(-?[0-9]{1,30})\s*\}")


def read(text: str) -> Item | None:
    """The tree that a text of this module's form writes, or None where it is not one. Outer parentheses may be gone."""
    text = text.strip().removesuffix("=").strip()
    if len(text) > MAX_EXPRESSION:
        return None
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            return None
        tokens.append(match[1])
        at = match.end()
    try:
        tree, at = _read_items(tokens, 0, 0)
    except (IndexError, ValueError):
        return None
    return tree if at == len(tokens) else None


def _read_items(tokens: list[str], at: int, depth: int) -> tuple[Item, int]:
    """Items and operators up to a closing parenthesis or the end; one item alone is itself."""
    item, at = _read_item(tokens, at, depth)
    items, ops = [item], []
    while at < len(tokens) and tokens[at] in ("+", "-", "*"):
        item, after = _read_item(tokens, at + 1, depth)
        ops.append(tokens[at])
        items.append(item)
        at = after
    return (Group(tuple(items), tuple(ops)) if ops else items[0]), at


def _read_item(tokens: list[str], at: int, depth: int) -> tuple[Item, int]:
    if depth > 50:
        raise ValueError("nested too deeply")
    if tokens[at] == "(":
        item, at = _read_items(tokens, at + 1, depth + 1)
        if tokens[at] != ")":
            raise ValueError("unbalanced")
        return item, at + 1
    if tokens[at] == "-":
        return -int(tokens[at + 1]), at + 2
    return int(tokens[at]), at + 1


def parse(text: str) -> int | None:
    """Exact value of an expression in this module's form, or None where the text is not one."""
    tree = read(text)
    return None if tree is None else value(tree)


def state_after(step: str) -> int | None:
    """Value of what stands after a step: its last line, an expression or a boxed number (the last, as in grading)."""
    lines = step.strip().splitlines()
    if not lines:
        return None
    boxed = _BOXED.findall(lines[-1])
    return int(boxed[-1]) if boxed else parse(lines[-1])


def labels(text: str, steps: list[str]) -> list[bool]:
    """[S]: a step is right if and only if what stands after it equals the value of the question."""
    gold = parse(text)
    return [gold is not None and state_after(step) == gold for step in steps]
