"""Votes of one tree at many budgets: read anew each time, from arrays, and from what changed since the last one."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Again, Beam, Budget, End, Kind, ParticleFilter, Rule, Selection, Tree, mark
from search.answers.boxes import boxed
from search.answers.grouping import group
from search.answers.selection import allowed_rules
from search.answers.tally import Tally
from search.answers.voters import Voters
from search.tree import Event, Node
from search.tree.cost import Ledger
from search.tree.electorate import ELECTORATE
from tests.helpers import PARALLEL, Delayed, run
from tests.search.trees import tree_of

SCORES = [0.1, 0.2, 0.3, 0.1 + 0.2]
SEARCHERS = PARALLEL | {
    "again_mcts": Again(MCTS(simulations=20, in_flight=4), times=3, sure=1),
    "again_filter": Again(ParticleFilter(n=5, threshold=0.5), times=3, sure=1),
    "again_beam": Again(Beam(n=6, branch=2), times=2, sure=1),
}


def within(tree: Tree, budget: Budget) -> Callable[[Ledger], bool]:
    """Whether a birth lies within the budget, and before any policy call that began after it was reached."""
    births = [node.birth for node in tree.nodes() if node.birth]
    last = min((birth.policy_calls for birth in births if budget.spent(birth)), default=math.inf)
    return lambda birth: birth.policy_calls <= last and budget.covers(birth)


def by_definition(tree: Tree, budget: Budget) -> tuple[dict[Node, float], float | None]:
    """Weights of voters and the sum of whole electorates, entry after entry."""
    given: dict[int, dict[Node, float]] = {}
    wholes: dict[int, float] = {}
    counts = within(tree, budget)
    for event in tree.record:
        if event.name != ELECTORATE or not counts(event.birth):
            continue
        number = event.data["round"]
        if event.data["whole"]:
            given[number], wholes[number] = {}, math.fsum(event.data["weights"])
        given.setdefault(number, {}).update(zip(event.data["nodes"], event.data["weights"], strict=True))
    last: dict[Node, float] = {}
    for number, weights in given.items():
        last |= {node: weight + last.get(node, 0.0) * (number in wholes) for node, weight in weights.items()}
    finished = [leaf for leaf in tree.nodes() if leaf.finished and leaf.birth and counts(leaf.birth)]
    weights = {leaf: last.get(leaf, 0.0 if wholes else 1.0) for leaf in finished}
    voters = {leaf: weight for leaf, weight in weights.items() if weight > 0}
    return voters or dict.fromkeys(finished, 1.0), sum(wholes.values()) if wholes else None


def budgets(tree: Tree, rng: np.random.Generator) -> list[Budget]:
    """At every birth, in order and then shuffled; and some others."""
    ledgers = {node.birth for node in tree.nodes() if node.birth} | {event.birth for event in tree.record}
    tokens = sorted({ledger.generated_tokens for ledger in ledgers})
    flops = [ledger.flops for ledger in ledgers if ledger.flops]
    ascending = [Budget(generated_tokens=max(1, count)) for count in tokens]
    both = [replace(each, flops=float(rng.choice(flops))) for each in ascending if flops]
    few = [Budget(samples=count) for count in range(1, 6)]
    mixed = ascending + both + few
    return ascending + [mixed[place] for place in rng.permutation(len(mixed))]


def assert_counts_alike(tree: Tree, rng: np.random.Generator, by: str | None = None) -> set[tuple[str, ...]]:
    """Every way of reading the tree agrees at every budget; the different results of the rules."""
    rules = dict.fromkeys([*allowed_rules(tree, by=by), Rule.WEIGHTS])
    tallies = {rule: Tally(tree, Selection(rule, by=by)) for rule in rules}
    seen: set[tuple[str, ...]] = set()
    for budget in budgets(tree, rng):
        voters, total = by_definition(tree, budget)
        read = Voters(tree, budget)
        assert dict(zip(read.leaves, read.weights.tolist(), strict=True)) == voters and list(voters) == read.leaves
        assert (total is None) == (read.total is None) and read.total == pytest.approx(total)
        answers = [boxed(leaf.text()) for leaf in voters]
        assert read.groups == group(answers)
        for rule, tally in tallies.items():
            ballot = Selection(rule, by=by)(tree, budget)
            assert tally.leaders(read) == Counter(ballot.tied), (rule, budget)
            seen.add(tuple(sorted(ballot.tied)))
    return seen


class Additive(ToyScorer):
    kind = Kind.ADDITIVE  # type: ignore[assignment]


@pytest.mark.parametrize("name", SEARCHERS)
@pytest.mark.parametrize("scorer", [ToyScorer(error=1.0), pytest.param(Additive(error=1.0), marks=pytest.mark.slow)])
def test_votes_are_the_same_however_they_are_read(name: str, scorer: ToyScorer) -> None:
    rng = np.random.default_rng(7)
    tree = run(SEARCHERS[name], Delayed(Toy(), 0), Delayed(scorer, 1), seed=0)
    assert len(assert_counts_alike(tree, rng)) > 1, "the leader changes"
    asyncio.run(mark(tree, "judge", ToyScorer(world_seed=1, error=1.0)))
    assert_counts_alike(Tree.loads(tree.dumps()), rng, by="judge")


def test_ties_rounding_and_answers_that_are_equal_but_for_their_text() -> None:
    """Made by hand: few different scores, weights that differ by rounding only, 1/3 between two decimals of it."""
    rng = np.random.default_rng(3)
    for _ in range(15):
        texts = ["1/3", "0.333333", "0.3333333", "2", "2.0", "\\frac{1}{2}", "0.5", "x", ""]
        ends = rng.choice([End.ANSWER, End.ANSWER, End.ANSWER, End.MAX_STEPS], 12)
        tree = tree_of(*((str(rng.choice(texts)), [float(rng.choice(SCORES))], end) for end in ends))
        order = rng.permutation(12).tolist()
        for place, leaf in zip(order, tree.leaves(), strict=True):
            leaf.birth = Ledger(samples=place + 1, generated_tokens=5 * place, policy_calls=place, flops=float(place))
        elect(tree, rng)
        assert_counts_alike(tree, rng)


def elect(tree: Tree, rng: np.random.Generator) -> None:
    nodes = [*tree.leaves(), tree.root]
    for place in range(int(rng.integers(6))):
        chosen: Sequence[int] = rng.permutation(len(nodes))[: int(rng.integers(1, 6))].tolist()
        data = {
            "nodes": [nodes[each] for each in chosen],
            "weights": [float(rng.choice([0.0, 1.0, 0.1 + 0.2, 3.0])) for _ in chosen],
            "whole": bool(rng.random() < 0.2),
            "round": place // 2,
        }
        tree.record.append(Event(ELECTORATE, Ledger(generated_tokens=9 * place, policy_calls=2 * place), data))
