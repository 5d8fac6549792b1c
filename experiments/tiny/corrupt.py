"""Wrong solutions made from right ones: one corruption of a known kind, then sound work from the wrong state on.

A PRM that has seen only the small policy's own mistakes finds a solution that silently drops a term convincing, and
a search over many samples finds such solutions. So every kind of mistake is made here as often as any other.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from experiments.problems.arithmetic import (
    Group,
    Item,
    calculation,
    flat,
    operate,
    reduce_once,
    solution,
    value,
    written,
)
from experiments.tiny.changes import (
    Path,
    group_at,
    group_paths,
    innermost,
    item_at,
    near,
    negated,
    number_paths,
    other_digit,
    other_number,
    other_operator,
    replaced,
)


@dataclass(frozen=True)
class Corrupted:
    """Steps of a wrong solution; `first_wrong` is the index of the corrupted one, `kind` names the corruption."""

    steps: list[str]
    first_wrong: int
    kind: str


def corrupt(tree: Group, kind: str, rng: random.Random, tries: int = 20) -> Corrupted | None:
    """One corruption of `kind` at a random step, or None where none changed the value."""
    for _ in range(tries):
        right = solution(tree)
        place = rng.randrange(len(right))
        before: Item = tree
        for _ in range(place):
            assert isinstance(before, Group)
            before = reduce_once(before)[1]
        assert isinstance(before, Group)
        wrong = KINDS[kind](before, rng)
        if wrong is not None and value(wrong[1]) != value(tree):
            line, after = wrong
            steps = [*right[:place], written(line, after), *(solution(after) if isinstance(after, Group) else [])]
            return Corrupted(steps, place, kind)
    return None


# the kinds: from the tree before the step to (calculation, wrong tree after it), or None where it does not apply

Wrong = tuple[str, Item] | None


def wrong_result(before: Group, rng: random.Random) -> Wrong:
    """The calculation itself is wrong, and what it gave goes into the expression."""
    line, after, path = _reduced(before)
    result = item_at(after, path)
    assert isinstance(result, int)
    wrong = rng.choice((other_digit, near, negated))(result, rng)
    head, _, _ = line.rpartition(" = ")
    return f"{head} = {wrong}", replaced(after, path, wrong)


def wrong_operation(before: Group, rng: random.Random) -> Wrong:
    """An operation on the way gives a wrong number; what follows is computed soundly from it."""
    path = innermost(before)
    texts, item = list[str](), group_at(before, path)
    for _ in range(rng.randrange(len(item.ops))):
        texts.append(flat(item))
        after = operate(item)
        if not isinstance(after, Group):
            return None
        item = after
    return _continued(before, path, texts, other_number(item, rng)) if texts else None


def misread(before: Group, rng: random.Random) -> Wrong:
    """The calculation begins with another number or operator than stands in the expression."""
    path = innermost(before)
    group = group_at(before, path)
    change = rng.choice((other_number, other_operator))
    return _continued(before, path, [], change(group, rng))


def miscopied_result(before: Group, rng: random.Random) -> Wrong:
    """The calculation is right, but another number goes into the expression."""
    line, after, path = _reduced(before)
    result = item_at(after, path)
    assert isinstance(result, int)
    return line, replaced(after, path, rng.choice((other_digit, negated))(result, rng))


def miscopied_number(before: Group, rng: random.Random) -> Wrong:
    """A number that the step does not touch changes a digit."""
    return _elsewhere(before, rng, lambda number: other_digit(number, rng))


def wrong_sign(before: Group, rng: random.Random) -> Wrong:
    """A number that the step does not touch changes its sign."""
    return _elsewhere(before, rng, lambda number: -number)


def wrong_operator(before: Group, rng: random.Random) -> Wrong:
    """An operator that the step does not apply becomes another."""

    return _in_some_group(before, rng, lambda group: other_operator(group, rng))


def dropped_term(before: Group, rng: random.Random) -> Wrong:
    """An item and an operator beside it are left out."""

    def change(group: Group) -> Item:
        place = rng.randrange(len(group.items))
        gap = max(0, place - 1)
        items = (*group.items[:place], *group.items[place + 1 :])
        ops = (*group.ops[:gap], *group.ops[gap + 1 :])
        return Group(items, ops) if ops else items[0]

    return _in_some_group(before, rng, change)


def swapped_terms(before: Group, rng: random.Random) -> Wrong:
    """Two items that stand side by side change places."""

    def change(group: Group) -> Item:
        place, items = rng.randrange(len(group.items) - 1), list(group.items)
        items[place], items[place + 1] = items[place + 1], items[place]
        return Group(tuple(items), group.ops)

    return _in_some_group(before, rng, change)


def skipped_reduction(before: Group, rng: random.Random) -> Wrong:
    """The calculation is written, but one of its numbers stays in the expression instead of the result."""
    line, after, path = _reduced(before)
    return line, replaced(after, path, rng.choice(group_at(before, path).items))


def wrong_order(before: Group, rng: random.Random) -> Wrong:
    """A sum is taken before the product beside it."""
    path = innermost(before)
    group = group_at(before, path)
    places = [i for i, op in enumerate(group.ops) if op != "*"]
    if "*" not in group.ops or not places:
        return None
    place = rng.choice(places)
    _, result = calculation(Group(group.items[place : place + 2], (group.ops[place],)))
    items = (*group.items[:place], result, *group.items[place + 2 :])
    return _continued(before, path, [flat(group)], Group(items, (*group.ops[:place], *group.ops[place + 1 :])))


KINDS: dict[str, Callable[[Group, random.Random], Wrong]] = {
    kind.__name__: kind
    for kind in (
        wrong_result,
        wrong_operation,
        misread,
        miscopied_result,
        miscopied_number,
        wrong_sign,
        wrong_operator,
        dropped_term,
        swapped_terms,
        skipped_reduction,
        wrong_order,
    )
}


def _continued(before: Group, path: Path, texts: list[str], group: Group) -> Wrong:
    """The calculation that began with `texts` goes on soundly from `group`."""
    line, result = calculation(group)
    return " = ".join([*texts, line]), replaced(before, path, result)


def _reduced(before: Group) -> tuple[str, Item, Path]:
    """The right step, and the path in the tree after it of the number it made."""
    return *reduce_once(before), innermost(before)


def _in_some_group(before: Group, rng: random.Random, change: Callable[[Group], Item]) -> Wrong:
    """Changes one of the groups that stand after the step."""
    line, after, _ = _reduced(before)
    groups = group_paths(after)
    if not groups:
        return None
    path = rng.choice(groups)
    return line, replaced(after, path, change(group_at(after, path)))


def _elsewhere(before: Group, rng: random.Random, change: Callable[[int], int]) -> Wrong:
    """Changes one number that the step did not make."""
    line, after, made = _reduced(before)
    others = [path for path in number_paths(after) if path != made]
    if not others:
        return None
    path = rng.choice(others)
    number = item_at(after, path)
    assert isinstance(number, int)
    return line, replaced(after, path, change(number))
