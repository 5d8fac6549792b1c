"""A bandit of two arms for the tests of MCTS."""

from search import Kind, Tree
from tests.worlds import By, chain, leaf, world

ARMS = world(chain("a", 3, leaf(1), 0.5), chain("b", 3, leaf(2), 0.5))
"""A bandit: two arms of constant value, each a chain of four steps."""
ALWAYS = 1000.0
"""So much widening that every visit draws one more sample."""


def arm_value(a: float, b: float, kind: Kind = Kind.VALUE) -> By:
    return By(lambda steps: a if steps[0].text.startswith("a") or steps[0].text == "\\boxed{1}" else b, kind)


def visits(tree: Tree) -> list[int]:
    return [child.stats["visits"] for child in tree.root.children.values()]


def taken(tree: Tree) -> list[int]:
    """The arm, 0 for a, of each visit of the root."""
    arms = [0 if child.step and child.step.text.startswith("a") else 1 for child in tree.root.children.values()]
    return [arm for arm, count in zip(arms, visits(tree), strict=True) for _ in range(count)]
