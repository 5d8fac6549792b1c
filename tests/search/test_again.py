"""Again: rounds on one tree, each with draws of its own, until the vote is sure."""

import asyncio
import time
from itertools import product
from typing import Any

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import (
    ABMCTS,
    DVTS,
    MCTS,
    Again,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    Budget,
    DiverseBeam,
    End,
    EntropicFilter,
    Grower,
    Gumbel,
    Kind,
    Lookahead,
    ParticleFilter,
    ParticleGibbs,
    Rebase,
    Reduction,
    Rule,
    Selection,
    Tree,
    solve,
)
from search.algorithms.resampling import Scheme
from search.answers.voters import Voters
from search.solve import Searcher
from search.stopping import Sure, half_beta, leader_posterior
from tests.helpers import Delayed, run, shape
from tests.search.trees import tree_of
from tests.worlds import Walk, by_text, chain, leaf, place, world

CHAIN = Walk(root=place("", chain("on", 2, leaf(1))))
COIN = Walk(root=world(leaf(1, 1.0, 0.5), leaf(2, 0.0, 0.5)))
INNER: dict[str, Searcher] = {
    "best_of_n": BestOfN(4),
    "beam": Beam(4, 2),
    "rebase": Rebase(4),
    "dvts": DVTS(4, 2),
    "lookahead": Lookahead(4, 2),
    "best_first": BestFirst(4),
    "backoff": BackOff(4, 2),
    "diverse_beam": DiverseBeam(4, 2, 2),
    "backtracking": Backtracking(4, 2),
    "particle_filter": ParticleFilter(4),
    "particle_gibbs": ParticleGibbs(2, 3),
    "entropic_filter": EntropicFilter(4),
    "ab_mcts": ABMCTS(simulations=8),
    "gumbel": Gumbel(4, 2, 4),
    "mcts": MCTS(simulations=8, in_flight=1),
}


def rounds(tree: Tree) -> list[tuple[int, float]]:
    return [(event.data["number"], event.data["confidence"]) for event in tree.events("round")]


# rounds


def test_a_unanimous_first_round_is_the_only_one() -> None:
    scores = by_text({"on0": 1.0, "on1": 1.0, "\\boxed{1}": 1.0})
    tree = run(Again(BestOfN(8), times=8, sure=0.95), CHAIN, scores)
    assert rounds(tree) == [(0, pytest.approx(1 - 2**-9))] and tree.ledger.samples == 8


@pytest.mark.parametrize("name", INNER)
def test_sure_1_runs_every_round_with_draws_of_its_own(name: str) -> None:
    inner = INNER[name]
    tree, once = (run(Again(inner, times, sure=1), Toy(), ToyScorer(), seed=3) for times in (4, 1))
    assert [number for number, _ in rounds(tree)] == [0, 1, 2, 3] and tree.stopped == "done"
    assert shape(once)["nodes"].keys() <= shape(tree)["nodes"].keys()
    if name in ("mcts", "ab_mcts"):
        assert tree.root.stats["visits"] == 32
        assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 32
    elif name == "gumbel":  # equal first steps are one
        assert tree.ledger.samples == sum(child.stats["count"] for child in tree.root.children.values()) == 16
    else:
        assert set(tree.root.children) == set(range(16)) and len(tree.leaves()) >= 16
        drawn = [child.text() for child in tree.root.children.values()]
        assert len({tuple(drawn[first : first + 4]) for first in (0, 4, 8, 12)}) > 1, "rounds drew the same samples"


@pytest.mark.slow
def test_the_number_of_rounds_is_that_of_all_sequences_of_answers() -> None:
    """A fair coin, one sample a round, at most 6: the exact mean over all 64 sequences, within 4 standard errors."""
    rule = Again(BestOfN(1), times=6, sure=0.9, rule=Sure.COUNT)

    def stops(flips: tuple[int, ...]) -> int:
        looks = [leader_posterior([flips[:n].count(0), flips[:n].count(1)]) for n in range(1, 7)]
        return next((n for n, look in enumerate(looks, start=1) if look > 0.9), 6)

    exact = [stops(flips) for flips in product((0, 1), repeat=6)]
    mean = sum(exact) / 64
    variance = sum((n - mean) ** 2 for n in exact) / 64
    grown = [len(rounds(run(rule, COIN, by_text({}), seed=seed))) for seed in range(400)]
    assert 3 in exact and 6 in exact
    assert abs(sum(grown) / 400 - mean) < 4 * (variance / 400) ** 0.5


@pytest.mark.parametrize(
    "name", sorted(INNER.keys() - {"mcts", "ab_mcts"})
)  # its last simulations cost nothing: no budget ends with them
@pytest.mark.parametrize("rule", [Rule.WEIGHTED, Rule.WEIGHTS, Rule.MAJORITY])
def test_a_tree_holds_what_fewer_rounds_would_have_found(name: str, rule: Rule) -> None:
    """Compared by shares: the next round's population, still at the root, has its part of the posterior."""

    def votes(tree: Tree, budget: Budget | None = None) -> list[tuple[str, Any]]:
        counted = Selection(rule)(tree, budget).votes
        total = sum(vote.weight for vote in counted)
        return [(vote.answer, pytest.approx(vote.weight / total)) for vote in counted]

    tree = run(Again(INNER[name], times=3, sure=1), Toy(), ToyScorer(error=1.0), seed=1)
    for times in (1, 2):
        shorter = run(Again(INNER[name], times=times, sure=1), Toy(), ToyScorer(error=1.0), seed=1)
        assert votes(tree, Budget(generated_tokens=shorter.ledger.generated_tokens)) == votes(shorter)


def lots(tree: Tree) -> list[list[int]]:
    return [event.data["ancestors"] for event in tree.events("resampling") if event.data["step"] == 0]


def test_rounds_of_a_particle_filter_have_lots_and_populations_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = ParticleFilter(n=6, threshold=1.0, resampling=Scheme.MULTINOMIAL)

    def grown() -> Tree:
        return run(Again(inner, times=3, sure=1), CHAIN, by_text({"on0": 0.5, "on1": 0.5, "\\boxed{1}": 0.5}))

    tree = grown()
    assert len({tuple(drawn) for drawn in lots(tree)}) == 3
    (vote,) = Selection(Rule.MAJORITY)(tree).votes
    assert vote.weight == pytest.approx(18) and Selection(Rule.WEIGHTS)(tree).votes[0].weight == pytest.approx(1)
    monkeypatch.setattr(Grower, "next_round", lambda grow: None)
    repeated = grown()
    assert len({tuple(drawn) for drawn in lots(repeated)}) == 1
    assert Selection(Rule.MAJORITY)(repeated).votes[0].weight == pytest.approx(6)


def test_rounds_within_rounds_are_all_apart() -> None:
    inner = Again(ParticleFilter(n=4, resampling=Scheme.MULTINOMIAL, threshold=1.0), times=2, sure=1)
    tree = run(Again(inner, times=3, sure=1), CHAIN, by_text({"on0": 0.5, "on1": 0.5, "\\boxed{1}": 0.5}))
    numbers = [event.data["round"] for event in tree.events("electorate")]
    assert numbers == sorted(numbers) and set(numbers) == set(range(6))
    assert len(lots(tree)) == 6 and Selection(Rule.MAJORITY)(tree).votes[0].weight == pytest.approx(24)


def test_a_budget_ends_it_in_the_middle_of_a_round() -> None:
    tree = run(Again(BestOfN(4), times=4, sure=1), Toy(), ToyScorer(), Budget(samples=6))
    assert tree.stopped == "budget" and tree.ledger.samples == 6 and [number for number, _ in rounds(tree)] == [0]
    assert Selection()(tree).answer is not None
    inner = Rebase(4, reduction=Reduction.MIN)
    assert Again(inner).reduction is Reduction.MIN and Again(ParticleFilter()).reduction is None
    assert Again(ParticleFilter()).populations and not Again(inner).populations


@pytest.mark.parametrize("name", INNER)
def test_one_seed_is_one_tree_in_any_order_of_answers_and_in_a_file(name: str) -> None:
    searcher = Again(INNER[name], times=3, sure=0.97)
    first = run(searcher, Delayed(Toy(), 0, most=1), ToyScorer(error=1.0), seed=2)
    other = run(searcher, Delayed(Toy(), 1), Delayed(ToyScorer(error=1.0), 2), seed=2)
    assert shape(first) == shape(other)
    read = Tree.loads(first.dumps())
    assert rounds(read) == rounds(first) and read.to_json() == first.to_json()
    assert Selection()(read).answer == Selection()(first).answer


# how sure the vote is

LEAVES = [("1", [0.9, 0.8]), ("2", [0.6, 0.9]), ("1", [0.7, 0.7])]
WEIGHTS = {Kind.CORRECTNESS: (1.5, 0.6), Kind.VALUE: (1.5, 0.9), Kind.OUTCOME: (1.5, 0.9)}


@pytest.mark.parametrize("kind", Kind)
def test_the_votes_of_each_kind_of_score(kind: Kind) -> None:
    """Probabilities add up under the kind's own reduction; increments and ranks count one a leaf."""
    first, second = WEIGHTS.get(kind, (2.0, 1.0))
    assert Again().confidence(tree_of(*LEAVES, kind=kind)) == pytest.approx(1 - half_beta(first + 1, second + 1))
    for rule in (Sure.COUNT, Sure.ANYTIME):
        counted = Again(rule=rule).confidence(tree_of(*LEAVES, kind=kind))
        assert counted == (0 if rule is Sure.ANYTIME else pytest.approx(1 - half_beta(3, 2)))
    assert Again().confidence(tree_of(("1", [0.9, 0.9], End.MAX_STEPS), kind=kind)) == 0
    assert Again().confidence(tree_of(("", [0.9]), kind=kind)) == 0


def test_rewards_without_bounds_count_by_their_sigmoid() -> None:
    tree = tree_of(("1", [4.0]), ("2", [0.0]), kind=Kind.OUTCOME)
    assert Again().confidence(tree) == pytest.approx(1 - half_beta(1 + 1 / (1 + 2.718281828459045**-4), 1.5))


def test_equal_answers_are_one() -> None:
    written = tree_of(("\\frac{1}{2}", [1.0]), ("0.5", [1.0]), ("1/2", [1.0]), ("3", [0.5]))
    assert Again().confidence(written) == pytest.approx(1 - half_beta(4, 1.5))


def test_vote_weights_of_the_search_do_not_make_it_surer() -> None:
    """A lone leaf that MCTS has visited a hundred times is one sample."""
    tree = run(MCTS(simulations=100, in_flight=1), CHAIN, by_text({"on0": 1.0, "on1": 1.0, "\\boxed{1}": 1.0}))
    assert Again().confidence(tree) == pytest.approx(1 - half_beta(2, 1))


def test_a_solution_that_was_only_looked_ahead_does_not_count() -> None:
    tree = run(Lookahead(n=4, branch=2, ahead=3), CHAIN, by_text({"on0": 1.0, "on1": 1.0, "\\boxed{1}": 1.0}))
    voting, finished = len(Voters(tree).places), sum(leaf.finished for leaf in tree.leaves())
    assert 0 < voting < finished
    assert Again(rule=Sure.COUNT).confidence(tree) == pytest.approx(1 - half_beta(voting + 1, 1))


def test_the_loop_goes_on_while_answers_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(answers: list[str | None], equal: object) -> list[list[int]]:
        time.sleep(0.2)
        return [list(range(len(answers)))]

    async def both() -> int:
        search = asyncio.create_task(solve("q", Again(BestOfN(2), times=1), CHAIN, by_text({})))
        ticks = 0
        while not search.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    monkeypatch.setattr("search.answers.answers.group", slow)
    assert asyncio.run(both()) > 5


def test_an_inner_search_that_fails_fails() -> None:
    class Broken:
        scale = "n"

        async def search(self, grow: Any) -> None:
            raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        run(Again(Broken()), Toy(), ToyScorer())
