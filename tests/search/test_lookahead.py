"""Look-ahead search: known probabilities of success, what it costs, who votes, and old policies."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Budget, Extension, Kind, KindError, Lookahead, Node, Rule, Selection, Tree
from search.algorithms import lookahead
from search.answers.voters import Voters
from search.solve import Searcher
from tests.helpers import Counted, run
from tests.worlds import Short, Walk, by_text, chain, leaf, place, world

# A right first step looks worse than a wrong one; the solution most probable below it tells them apart.
TRAP = world(
    place("dull", leaf(1, probability=0.8), leaf(2, probability=0.2), probability=0.5),
    place("fine", leaf(1, probability=0.2), leaf(2, probability=0.8), probability=0.5),
)
SCORES = {"dull": 0.4, "fine": 0.6, "\\boxed{1}": 1.0, "\\boxed{2}": 0.0}


def voters(tree: Tree) -> list[str]:
    return [leaf.text() for leaf in Voters(tree).leaves]


def successes(searcher: Searcher, policy: Any = None, runs: int = 250) -> float:
    policy = policy or Walk(root=TRAP)
    trees = [run(searcher, policy, by_text(SCORES), seed=seed) for seed in range(runs)]
    return sum(any("{1}" in text for text in voters(tree)) for tree in trees) / runs


def within(measured: float, exact: float, runs: int = 250) -> bool:
    """4 standard errors."""
    return abs(measured - exact) < 4 * math.sqrt(exact * (1 - exact) / runs)


@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_it_finds_the_right_solution_as_often_as_it_must(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on from `dull` unless none of n is; then n solutions of it. Without the look-ahead, from `fine` unless
    none is.
    """
    dull, fine, none = 1 - 0.2**n, 1 - 0.8**n, 0.5**n
    with_it, without = (1 - none) * dull + none * fine, (1 - none) * fine + none * dull
    searcher = Lookahead(n, branch=n)
    assert within(successes(searcher), with_it)
    assert not within(without, with_it)

    async def nowhere(grow: Any, nodes: Sequence[Node], steps: int) -> Sequence[Node]:
        return nodes

    monkeypatch.setattr(lookahead, "_look_ahead", nowhere)
    assert within(successes(searcher), without)


class Old(Walk):
    """Knows no `ask`."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:  # type: ignore[override]
        return await super().extend(node, n, max_steps, seeds)


def test_a_policy_that_takes_no_request_samples_the_look_ahead() -> None:
    """Of two candidates, `dull` leads to 1 by 0.8, `fine` by 0.2. Where both are there, it goes on from the one that
    leads to 1, and from whichever is first where they lead to the same.
    """
    mixed = 0.8 * 0.8 + (0.8 * 0.2 + 0.2 * 0.8) / 2
    dull = 0.25 + 0.5 * mixed
    exact = dull * (1 - 0.2**2) + (1 - dull) * (1 - 0.8**2)
    assert within(successes(Lookahead(2, branch=2), Old(root=TRAP)), exact)
    for policy, greedy in ((Old(root=TRAP), False), (Walk(root=TRAP), True)):
        (event,) = run(Lookahead(2), policy, by_text(SCORES)).events("lookahead")
        assert event.data == {"greedy": greedy}


def test_a_look_ahead_is_at_temperature_zero() -> None:
    tree = run(Lookahead(8, branch=8), Walk(root=TRAP), by_text(SCORES), seed=3)
    ahead = {child.text() for child in (node.children[0] for node in tree.root.children.values())}
    assert ahead == {"dull\n\n\\boxed{1}", "fine\n\n\\boxed{2}"}


@pytest.mark.parametrize("ahead", [1, 2, 9])
def test_every_step_looked_ahead_is_charged_and_scored(ahead: int) -> None:
    """5 candidates a level; below each of the 3 open levels as many steps again as are left, at most `ahead`."""
    policy, scorer = Counted(Toy(2, 4)), Counted(ToyScorer(2, 4))
    tree = run(Lookahead(5, branch=2, ahead=ahead), policy, scorer)
    steps = 4 * 5 + 5 * sum(min(ahead, left) for left in (3, 2, 1))
    assert tree.ledger.generated_tokens == steps == len(tree.born()) == sum(cost.generated for cost in policy.costs)
    assert all(node.score is not None for node in tree.born())
    assert sorted(scorer.prefixes) == sorted({tuple(step.text for step in node.steps()) for node in tree.born()})


def test_what_was_looked_ahead_does_not_vote() -> None:
    tree = run(Lookahead(6, branch=2, ahead=2), Toy(3, 3), ToyScorer(3, 3, error=1.0), seed=2)
    finished = [leaf for leaf in tree.leaves() if leaf.finished]
    assert len(finished) == 6 + 6 + 6 and len(voters(tree)) == 6  # looked ahead at levels 1 and 2, and sampled
    kept = [event.data["kept"] for event in tree.events("beam")]
    assert all(leaf.parent in kept[-1] for leaf in Voters(tree).leaves)
    assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 6


def test_no_candidate_goes_on_from_what_was_looked_ahead() -> None:
    tree = run(Lookahead(6, branch=2, ahead=2), Toy(3, 4), ToyScorer(3, 4), seed=2)
    for node in (node for event in tree.events("beam") for node in event.data["kept"]):
        assert set(node.children) - {0} and all(above.index != 0 for above in node.line()[1:])


def test_where_a_budget_ends_before_any_other_solution_those_looked_ahead_vote() -> None:
    policy = Walk(root=world(chain("on", 3, leaf(1, 0.9))))
    tree = run(Lookahead(2, branch=2, ahead=9), policy, by_text({}), Budget(samples=1))
    assert tree.stopped == "budget" and Selection()(tree).answer == "1"


def test_the_value_is_that_of_the_whole_way() -> None:
    """The least score of the path decides under `min`, and not the last one."""
    root = world(
        place("a", place("low", leaf(1)), probability=0.5),
        place("b", place("even", leaf(2)), probability=0.5),
    )
    scores = {"a": 0.9, "low": 0.1, "\\boxed{1}": 1.0, "b": 0.8, "even": 0.5, "\\boxed{2}": 0.6}
    for kind, chosen in ((Kind.VALUE, "a"), (Kind.CORRECTNESS, "b")):
        tree = run(Lookahead(8, branch=8, ahead=2), Walk(root=root), by_text(scores, kind))
        assert tree.events("beam")[0].data["kept"][0].text().strip() == chosen


def test_solutions_that_are_cut_end_a_look_ahead() -> None:
    policy = Short(root=place("on", place("on", place("on", leaf(1)))), limit=2)
    tree = run(Lookahead(4, branch=2, ahead=3), policy, by_text({"on": 0.5}))
    assert tree.stopped == "done" and all(leaf.truncated for leaf in tree.leaves())
    assert Selection()(tree).answer is None


@pytest.mark.parametrize("kind", [Kind.OUTCOME, Kind.RANKING])
def test_ends_of_different_places_need_comparable_scores(kind: Kind) -> None:
    with pytest.raises(KindError, match=f"different places .*{kind}; it takes: correctness, value, additive"):
        run(Lookahead(), Toy(), by_text({}, kind))
