"""Changes of an arithmetic expression: of a number, of a group, and at a path of item indices in the tree."""

import random

from experiments.problems.arithmetic import Group, Item

Path = tuple[int, ...]
"""Item indices from the root down."""


# numbers


def other_digit(number: int, rng: random.Random) -> int:
    digits = str(abs(number))
    place = rng.randrange(len(digits))
    digit = rng.choice([d for d in "0123456789" if d != digits[place]])
    changed = int(digits[:place] + digit + digits[place + 1 :])
    return -changed if number < 0 else changed


def near(number: int, rng: random.Random) -> int:
    return number + rng.choice((-10, -2, -1, 1, 2, 10))


def negated(number: int, rng: random.Random) -> int:
    return -number


# groups


def other_number(group: Group, rng: random.Random) -> Group:
    """One of its numbers has another digit."""
    place = rng.randrange(len(group.items))
    number = group.items[place]
    assert isinstance(number, int)
    return Group((*group.items[:place], other_digit(number, rng), *group.items[place + 1 :]), group.ops)


def other_operator(group: Group, rng: random.Random) -> Group:
    place = rng.randrange(len(group.ops))
    op = rng.choice([o for o in "+-*" if o != group.ops[place]])
    return Group(group.items, (*group.ops[:place], op, *group.ops[place + 1 :]))


# places


def innermost(tree: Group) -> Path:
    """Where the next step happens: the leftmost innermost group."""
    for place, item in enumerate(tree.items):
        if isinstance(item, Group):
            return (place, *innermost(item))
    return ()


def group_at(tree: Item, path: Path) -> Group:
    group = item_at(tree, path)
    assert isinstance(group, Group)
    return group


def item_at(tree: Item, path: Path) -> Item:
    for place in path:
        assert isinstance(tree, Group)
        tree = tree.items[place]
    return tree


def replaced(tree: Item, path: Path, new: Item) -> Item:
    if not path:
        return new
    assert isinstance(tree, Group)
    place, *rest = path
    item = replaced(tree.items[place], tuple(rest), new)
    return Group((*tree.items[:place], item, *tree.items[place + 1 :]), tree.ops)


def group_paths(tree: Item, path: Path = ()) -> list[Path]:
    if not isinstance(tree, Group):
        return []
    inside = [below for place, item in enumerate(tree.items) for below in group_paths(item, (*path, place))]
    return [path, *inside]


def number_paths(tree: Item, path: Path = ()) -> list[Path]:
    if isinstance(tree, int):
        return [path]
    return [below for place, item in enumerate(tree.items) for below in number_paths(item, (*path, place))]
