"""What it takes to read trees: votes, a curve, JSON."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from experiments.benchmarks.instant import Instant, Instantly, slowness
from experiments.runs.grading import anytime
from search import MCTS, Again, Beam, BestOfN, Budget, ParticleFilter, Searcher, Selection, Tree, solve
from search.answers.selection import allowed_rules

BUDGETS = 200
MOST_SECONDS_ALL = 10.0  # votes by all rules, a curve, and JSON both ways of 100,000 nodes
MOST_SECONDS_CURVE = 1.0  # answers at 200 budgets of 20,000 nodes
MOST_SECONDS_BIRTHS = 3.0  # answers by every rule at every birth of a leaf, of as many nodes


class Reading(NamedTuple):
    what: str
    nodes: int
    seconds: float
    most: float
    slow: float
    """as of a measured cell"""

    def __str__(self) -> str:
        return f"{self.what}, {self.nodes:,} nodes: {self.seconds:.2f} s; at most {self.most * self.slow:.1f} here"


def votes(tree: Tree) -> None:
    for rule in allowed_rules(tree):
        Selection(rule)(tree)


def curve(tree: Tree) -> None:
    """The answer at budgets from a 200th of what was spent to all of it."""
    spent = tree.ledger.generated_tokens
    for part in range(1, BUDGETS + 1):
        Selection()(tree, Budget(generated_tokens=spent * part // BUDGETS))


def every_birth(tree: Tree) -> None:
    anytime(tree, "7", Selection())


def to_json_and_back(tree: Tree) -> None:
    Tree.loads(tree.dumps())


def read(nodes: int) -> Iterator[Reading]:
    """A tree of so many nodes is read whole, one of a fifth of them at many budgets."""
    searchers: dict[str, Callable[[int], Searcher]] = {"best_of_n": BestOfN, "beam": Beam, "pf": ParticleFilter}
    for name, searcher in searchers.items():
        tree = grown(searcher(max(4, nodes // 400 * 4)), 100)
        yield timed(f"{name}: votes, curve, JSON", tree, MOST_SECONDS_ALL, votes, curve, to_json_and_back)
        tree = grown(searcher(max(4, nodes // 800 * 4)), 40)
        yield timed(f"{name}: {BUDGETS} budgets", tree, MOST_SECONDS_CURVE, curve)
    simulations = max(8, nodes // 20)
    yield timed(f"mcts: {BUDGETS} budgets", grown(MCTS(simulations), 10), MOST_SECONDS_CURVE, curve)
    rounds = {
        "again, of mcts": grown(Again(MCTS(simulations // 8), times=8, sure=1.0), 10),
        "again, of pf": grown(Again(ParticleFilter(max(4, nodes // 1600)), times=8, sure=1.0), 40),
    }
    for name, tree in rounds.items():
        yield timed(f"{name}: {BUDGETS} budgets", tree, MOST_SECONDS_CURVE, curve)
    yield timed("mcts: answers at every birth", grown(MCTS(simulations), 10), MOST_SECONDS_BIRTHS, every_birth)


def timed(what: str, tree: Tree, most: float, *readings: Callable[[Tree], None]) -> Reading:
    gc.collect()
    slow, start = slowness(), time.process_time()
    for reading in readings:
        reading(tree)
    seconds = time.process_time() - start
    return Reading(what, sum(1 for _ in tree.nodes()), seconds, most, (slow + slowness()) / 2)


def grown(searcher: Searcher, depth: int) -> Tree:
    policy = Instant(depth, 100)
    return asyncio.run(solve("question", searcher, policy, Instantly(policy)))
