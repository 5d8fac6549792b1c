"""A world with one right path, whose every step the scorer knows: how often does a searcher find it?"""

from search.solve import Searcher
from tests.helpers import run
from tests.worlds import Walk, by_text, leaf, place, world

RIGHT = 0.3
"""The probability of a right step in the world below, whose solutions have three."""
PATH = world(
    place(
        "right",
        place("right", leaf(1, probability=RIGHT), leaf(2, probability=1 - RIGHT), probability=RIGHT),
        place("wrong", leaf(2), probability=1 - RIGHT),
        probability=RIGHT,
    ),
    place("wrong", place("wrong", leaf(2)), probability=1 - RIGHT),
)
SCORES = {"right": 1.0, "\\boxed{1}": 1.0}


def successes(searcher: Searcher, runs: int) -> float:
    """The share of runs in which some solution is the right one."""
    trees = [run(searcher, Walk(root=PATH), by_text(SCORES), seed=seed) for seed in range(runs)]
    return sum(any("{1}" in leaf.text() for leaf in tree.leaves()) for tree in trees) / runs
