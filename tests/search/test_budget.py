"""Budgets: a cut is the full run read at the budget."""

from typing import Any

import pytest

from policies.engines.world import Place
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    MCTS,
    Beam,
    BestOfN,
    Budget,
    Ledger,
    ParticleFilter,
    Rule,
    Selection,
    Tree,
)
from search.solve import Searcher
from search.tree.event import to_plain
from tests.helpers import PARALLEL, Counted, Delayed, OneAtATime, path, run
from tests.worlds import UNEVEN, Values, Walk, chain, leaf, world

SERIAL: dict[str, Searcher] = {
    "best_of_n": OneAtATime(BestOfN(n=6)),
    "beam": OneAtATime(Beam(n=8, branch=2)),
    "mcts": OneAtATime(MCTS(simulations=24, in_flight=1)),
    "particle_filter": OneAtATime(ParticleFilter(n=6)),
    **{
        name: OneAtATime(PARALLEL[name])
        for name in ("lookahead", "best_first", "backoff", "diverse_beam", "backtracking")
    },
}


def policy_part(birth: Ledger | None) -> tuple[int, ...] | None:
    return birth and (birth.samples, birth.generated_tokens, birth.unique_tokens, birth.policy_calls)


def read(tree: Tree, budget: Budget | None, weighed: bool = True) -> dict[str, Any]:
    """All that stands in the tree at a budget, and what its policy had cost by then; of the votes the answers alone
    where they are not `weighed`.

    The scorer's cost is left out: siblings are judged in any order, and those beyond a budget by the larger run only.
    """
    rules = [Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED]
    rules += [Rule.PARTICLE] if tree.events("population", budget) else []
    names = ("population", "resampling", "beam")
    ballots = [Selection(rule)(tree, budget) for rule in rules]
    return {
        "nodes": {node.path: (node.step, node.score, policy_part(node.birth)) for node in tree.born(budget)},
        "record": [
            (event.name, to_plain(event.data, path), policy_part(event.birth))
            for name in names
            for event in tree.events(name, budget)
        ],
        "answers": [ballot.answer for ballot in ballots],
        "votes": [[(vote.answer, vote.weight) for vote in ballot.votes if weighed] for ballot in ballots],
    }


@pytest.mark.parametrize("limit", ["samples", "generated_tokens", "flops"])
@pytest.mark.parametrize("name", SERIAL)
@pytest.mark.parametrize("place", [UNEVEN, Toy().world], ids=["uneven", "toy"])
def test_a_cut_is_the_full_run_read_at_the_budget(place: Place, name: str, limit: str) -> None:
    """At the amounts that the full run passes through, and between them. The policy does not tell its worst case."""
    policy, scorer = Counted(Walk(root=place)), Values(root=place)
    full = run(SERIAL[name], policy, scorer)
    amounts = {getattr(node.birth, limit) for node in full.nodes()} | {1, 2, 3, 5, 8, 13}
    amounts |= {amount + 0.5 for amount in amounts} if limit == "flops" else set()
    sizes = set()
    for amount in sorted(amounts - {0})[:: 3 if len(amounts) > 20 else 1]:
        budget = Budget(**{limit: amount})
        cut = run(SERIAL[name], policy, scorer, budget)
        assert read(cut, None) == read(full, budget), amount
        if cut.stopped == "done":  # the last score may exceed it
            assert cut.ledger.policy_calls == full.ledger.policy_calls
        elif limit != "flops":
            assert getattr(cut.ledger, limit) >= amount
        sizes.add(len(cut.born()))
    assert len(sizes) > 1, "the cuts were all alike"


def test_a_population_that_came_after_the_last_sample_is_not_read() -> None:
    """While a filter resamples, the number of samples may stand still: a search cut there has stopped by then."""
    search = OneAtATime(ParticleFilter(n=6))
    root = world(leaf(1, 0.6, 0.3), leaf(2, 0.7, 0.3), chain("a", 3, leaf(3, 0.8), 0.4))
    policy = Counted(Walk(root=root))
    full, counts = run(search, policy, Values(root=root), seed=1), list[int]()
    assert [event.birth.samples for event in full.events("population")] == [4, 4, 4, 7]
    for amount in range(1, 8):
        cut = run(search, policy, Values(root=root), Budget(samples=amount), seed=1)
        assert read(cut, None) == read(full, Budget(samples=amount))
        counts.append(len(cut.events("population")))
    assert counts == [0, 0, 0, 1, 3, 3, 4]


def test_a_budget_that_is_never_reached_changes_nothing() -> None:
    for searcher in SERIAL.values():
        free, rich = (
            run(searcher, Toy(), ToyScorer()),
            run(searcher, Toy(), ToyScorer(), Budget(10**6, 10**6, 1e9, 600)),
        )
        assert read(free, None) == read(rich, None) and rich.stopped == "done"


def test_it_is_spent_at_the_limit_and_covers_it() -> None:
    budget = Budget(samples=2, generated_tokens=10, flops=100.0, seconds=5.0)
    at, below = Ledger(samples=2, generated_tokens=9), Ledger(samples=1, generated_tokens=9, flops=99.9, seconds=4.9)
    assert budget.spent(at) and budget.covers(at)
    assert not budget.spent(below) and budget.covers(below)
    for over in (Ledger(samples=3), Ledger(generated_tokens=11), Ledger(flops=100.1), Ledger(seconds=5.1)):
        assert budget.spent(over) and not budget.covers(over)
    assert not Budget().spent(at) and Budget().covers(at)


@pytest.mark.parametrize("searcher", PARALLEL.values(), ids=PARALLEL)
def test_under_a_counted_budget_a_cut_is_the_larger_run_read_at_it(searcher: Searcher) -> None:
    """Without OneAtATime: requests of a policy that does not tell its worst case take turns by themselves.

    Simulations in flight that need no more requests end in the larger run, and are cancelled in the cut.
    """
    weighed = getattr(searcher, "in_flight", 1) == 1

    def grown(budget: Budget) -> Tree:
        return run(searcher, Delayed(Toy(), seed=1), Delayed(ToyScorer(), seed=2), budget)

    full = grown(Budget(generated_tokens=10**6))
    assert full.stopped == "done"
    for amount in range(1, full.ledger.generated_tokens, 3):
        cut = grown(Budget(generated_tokens=amount))
        assert read(cut, None, weighed) == read(full, Budget(generated_tokens=amount), weighed)
