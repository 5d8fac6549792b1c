"""What is read off a tree: samples, answers at smaller budgets, diversity."""

from itertools import pairwise

import numpy as np
import pytest

from experiments.analysis.curves import ended_at
from experiments.runs.axes import AXIS_COST, Axis
from experiments.runs.grading import anytime, distinct, samples, votes
from experiments.runs.results import Sample
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import MCTS, Again, Beam, Budget, End, Kind, ParticleFilter, Selection, Tree
from search.answers.boxes import boxed
from search.answers.selection import allowed_rules
from search.solve import Searcher
from tests.helpers import Counted, Delayed, OneAtATime, run
from tests.results import result
from tests.search.trees import tree_of
from tests.worlds import UNEVEN, Values, Walk

GOLD = "1"
SEED = 4
SERIAL: dict[str, Searcher] = {
    "mcts": MCTS(simulations=24, in_flight=1),
    "one at a time": OneAtATime(Beam(n=8, branch=2)),
}


def grown(searcher: Searcher, budget: Budget | None = None) -> Tree:
    """The policy does not tell its worst case, so a search that is cut has no reserve to complete an answer with."""
    return run(searcher, Counted(Walk(root=UNEVEN)), Values(root=UNEVEN), budget, seed=SEED)


@pytest.mark.parametrize("name", SERIAL)
def test_a_smaller_budget_is_read_off_the_full_run(name: str):
    """One request in flight: at every budget the marks say what a search cut there answers, under every rule."""
    full = grown(SERIAL[name])
    read = result(0, name, 24, 0.0, 1.0, anytime=anytime(full, GOLD, Selection()))
    seen: set[float] = set()
    for axis in (Axis.GENERATED_TOKENS, Axis.FLOPS):
        for budget in range(1, int(getattr(full.ledger, axis)) + 1):
            cut = votes(grown(SERIAL[name], Budget(**{axis.value: budget})), GOLD, Selection())
            for rule, vote in cut.items():
                assert ended_at(read, axis, rule, budget) == vote.correct, (axis, budget, rule)
                seen.add(vote.correct or 0.0)
    assert {0.0, 1.0} <= seen, "right and wrong answers on the way"


def test_marks_stand_where_an_answer_changes_and_tell_what_was_spent():
    marks = anytime(grown(SERIAL["mcts"]), GOLD, Selection())
    assert all(one.correct != two.correct for one, two in pairwise(marks)) and len(marks) > 1
    for axis in AXIS_COST:
        spent = [mark.spent[axis] or 0 for mark in marks]
        assert spent == sorted(spent) and spent[0] > 0, axis


@pytest.mark.parametrize("searcher", [MCTS(simulations=40), Again(ParticleFilter(n=5), times=4, sure=1)])
def test_marks_are_the_votes_at_every_birth(searcher: Searcher) -> None:
    """Four requests in flight; a mark's cost is that of the first birth with its correctness."""
    rng, changes = np.random.default_rng(0), 0
    for seed in range(3):
        tree = run(searcher, Delayed(Toy(), seed), Delayed(ToyScorer(error=1.0), seed + 1), seed=seed)
        gold = boxed(tree.leaves()[int(rng.integers(len(tree.leaves())))].text()) or ""
        births = [leaf.birth for leaf in tree.leaves() if leaf.birth] + [e.birth for e in tree.events("electorate")]
        first = min(leaf.birth.generated_tokens for leaf in tree.leaves() if leaf.birth)
        expected: list[tuple[int, dict[str, float | None]]] = []
        for tokens in sorted({birth.generated_tokens for birth in births if birth.generated_tokens >= first}):
            for flops in sorted({birth.flops or 0.0 for birth in births if birth.generated_tokens == tokens}):
                budget = Budget(generated_tokens=tokens, flops=flops)
                read = votes(tree, gold, Selection(), budget, allowed_rules(tree))
                correct = {rule: vote.correct for rule, vote in read.items()}
                if not expected or expected[-1][1] != correct:
                    expected.append((tokens, correct))
        marks = anytime(tree, gold, Selection())
        assert [(mark.spent[Axis.GENERATED_TOKENS], mark.correct) for mark in marks] == expected
        changes += len(marks) - 1
    assert changes > 1


def test_samples_are_the_leaves():
    tree = tree_of(("1", [0.9, 0.2]), ("2", [0.5, 0.8]), ("1.0", [0.4, 0.7]), ("", [0.9, 0.9], End.MAX_TOKENS))
    assert samples(tree, GOLD, Selection()) == [
        Sample("1", 0, True, 0.2, 0.2),
        Sample("2", 1, False, 0.5, 0.5),
        Sample("1.0", 0, True, 0.4, 0.4),
        Sample(None, None, False, 0.9, 0.9),
    ]
    assert [sample.right for sample in samples(tree, None, Selection())] == [None] * 4


def test_scores_without_a_weighted_vote_have_no_weight():
    (one,) = samples(tree_of(("1", [3.0]), kind=Kind.RANKING), GOLD, Selection())
    assert (one.score, one.weight) == (3.0, None)


def test_diversity_counts_equal_answers_once():
    tree = tree_of(("1", [0.9, 0.2]), ("1.0", [0.5, 0.8]), ("3", [0.4]))
    assert distinct(tree) == (2, 3 - 1), "two of them begin alike"
