"""The table of kinds, cell by cell; conversions by known values; every searcher with every kind."""

import math
import re

import numpy as np
import pytest

from policies.toy import Toy
from search import (
    ABMCTS,
    MCTS,
    BackOff,
    Backtracking,
    Beam,
    BestFirst,
    BestOfN,
    DeepConf,
    DiverseBeam,
    EntropicFilter,
    Gumbel,
    Kind,
    KindError,
    Lookahead,
    ParticleFilter,
    ParticleGibbs,
    Reduction,
    ScoreError,
    Selection,
    ThinkingBudget,
)
from search.algorithms.particle_filter import Weighting
from search.answers.selection import Rule
from search.solve import Searcher
from search.tree.scores import (
    Scope,
    Use,
    check_scores,
    conversion,
    itself,
    logit,
    min_max,
    rank,
    reduce,
    reduction_for,
    sigmoid_if_unbounded,
    softmax,
)
from tests.helpers import Counted, run
from tests.worlds import By

TABLE = {
    (Kind.CORRECTNESS, Use.MCTS): (Scope.ITSELF, itself),
    (Kind.CORRECTNESS, Use.BEAM): (Scope.ITSELF, itself),
    (Kind.CORRECTNESS, Use.ACROSS): (Scope.ITSELF, itself),
    (Kind.CORRECTNESS, Use.LEAVES): (Scope.ITSELF, itself),
    (Kind.CORRECTNESS, Use.PARTICLES): (Scope.ITSELF, logit),
    (Kind.CORRECTNESS, Use.VOTE): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.MCTS): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.BEAM): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.ACROSS): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.LEAVES): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.PARTICLES): (Scope.ITSELF, logit),
    (Kind.VALUE, Use.VOTE): (Scope.ITSELF, itself),
    (Kind.CORRECTNESS, Use.ODDS): (Scope.ITSELF, itself),
    (Kind.VALUE, Use.ODDS): (Scope.ITSELF, itself),
    (Kind.ADDITIVE, Use.ODDS): None,
    (Kind.RANKING, Use.ODDS): None,
    (Kind.OUTCOME, Use.ODDS): (Scope.ALL, sigmoid_if_unbounded),
    (Kind.ADDITIVE, Use.MCTS): (Scope.ALL, min_max),
    (Kind.ADDITIVE, Use.BEAM): (Scope.ITSELF, itself),
    (Kind.ADDITIVE, Use.ACROSS): (Scope.ITSELF, itself),
    (Kind.ADDITIVE, Use.LEAVES): (Scope.ALL, min_max),
    (Kind.ADDITIVE, Use.PARTICLES): (Scope.ITSELF, itself),
    (Kind.ADDITIVE, Use.VOTE): (Scope.ALL, softmax),
    (Kind.RANKING, Use.MCTS): (Scope.SIBLINGS, rank),
    (Kind.RANKING, Use.BEAM): (Scope.SIBLINGS, rank),
    (Kind.RANKING, Use.ACROSS): None,
    (Kind.RANKING, Use.LEAVES): None,
    (Kind.RANKING, Use.PARTICLES): None,
    (Kind.RANKING, Use.VOTE): None,
    (Kind.OUTCOME, Use.MCTS): (Scope.ALL, min_max),
    (Kind.OUTCOME, Use.BEAM): None,
    (Kind.OUTCOME, Use.ACROSS): None,
    (Kind.OUTCOME, Use.LEAVES): (Scope.ALL, min_max),
    (Kind.OUTCOME, Use.PARTICLES): None,
    (Kind.OUTCOME, Use.VOTE): (Scope.ALL, sigmoid_if_unbounded),
}
REDUCTIONS = {
    Kind.CORRECTNESS: {Reduction.LAST, Reduction.MIN, Reduction.PRODUCT, Reduction.MEAN},
    Kind.VALUE: {Reduction.LAST, Reduction.MIN, Reduction.PRODUCT, Reduction.MEAN},
    Kind.ADDITIVE: {Reduction.SUM, Reduction.LAST},
    Kind.RANKING: {Reduction.LAST},
    Kind.OUTCOME: {Reduction.LAST},
}
ALL = set(Kind)
PROBABILITIES = {Kind.CORRECTNESS, Kind.VALUE}
SEARCHERS: list[tuple[Searcher, set[Kind]]] = [
    (BestOfN(n=3), ALL),
    (Beam(n=4, branch=2), ALL - {Kind.OUTCOME}),
    (MCTS(6), ALL),
    (ParticleFilter(n=3), PROBABILITIES | {Kind.ADDITIVE}),
    (ParticleFilter(n=3, weighting=Weighting.CURRENT), PROBABILITIES | {Kind.ADDITIVE}),
    (Lookahead(n=4, branch=2), PROBABILITIES | {Kind.ADDITIVE}),
    (BestFirst(n=3, branch=2), ALL - {Kind.OUTCOME}),
    (BackOff(n=4, branch=2), PROBABILITIES | {Kind.ADDITIVE}),
    (DiverseBeam(n=4, branch=2, groups=2), ALL - {Kind.OUTCOME}),
    (Backtracking(n=4, branch=2), ALL - {Kind.OUTCOME}),
    (Gumbel(4), ALL - {Kind.RANKING}),
    (ABMCTS(4), ALL - {Kind.RANKING}),
    (EntropicFilter(n=3), PROBABILITIES | {Kind.ADDITIVE}),
    (DeepConf(3, warmup=1), ALL),
    (ThinkingBudget(), ALL),
    (ParticleGibbs(n=3, iterations=2), PROBABILITIES | {Kind.ADDITIVE}),
]


def fake(kind: Kind) -> By:
    """Depends on the path; in [0, 1] where the kind is a probability."""
    scale, shift = (1.0, 0.0) if kind in PROBABILITIES else (9.0, -4.0)
    return By(lambda steps: shift + scale * (sum(step.token_ids[0] for step in steps) % 5) / 5, kind)


@pytest.mark.parametrize(("kind", "use"), TABLE)
def test_the_table(kind: Kind, use: Use) -> None:
    expected = TABLE[kind, use]
    if expected is None:
        with pytest.raises(KindError, match=re.escape(f"a {use} cannot use scores of kind {kind}; it takes: ")):
            conversion(kind, use)
    else:
        assert conversion(kind, use) == expected


@pytest.mark.parametrize("kind", Kind)
def test_reductions(kind: Kind) -> None:
    assert reduction_for(kind, None) in REDUCTIONS[kind]
    for asked in Reduction:
        if asked in REDUCTIONS[kind]:
            assert reduction_for(kind, asked) is asked
        else:
            with pytest.raises(KindError, match=f"reduction {asked} is not defined for scores of kind {kind}"):
                reduction_for(kind, asked)


def test_every_cell_of_the_table_is_tested() -> None:
    assert set(TABLE) == {(kind, use) for kind in Kind for use in Use}


def test_reduce() -> None:
    scores = [0.5, 0.2, 0.8]
    assert [reduce(scores, r) for r in (Reduction.LAST, Reduction.MIN, Reduction.MEAN, Reduction.SUM)] == [
        0.8,
        0.2,
        0.5,
        1.5,
    ]
    assert reduce(scores, Reduction.PRODUCT) == pytest.approx(0.08)
    assert all(reduce([0.25], reduction) == 0.25 for reduction in Reduction)


def test_conversions() -> None:
    assert logit(np.array([0.5, 0.9])) == pytest.approx([0.0, math.log(9)])
    limit = math.log((1 - 1e-6) / 1e-6)
    assert logit(np.array([0.0, 1e-9, 1.0])) == pytest.approx([-limit, -limit, limit])
    assert min_max(np.array([-2.0, 0.0, 2.0])).tolist() == [0.0, 0.5, 1.0]
    assert min_max(np.array([7.0, 7.0])).tolist() == [0.5, 0.5]
    assert rank(np.array([3.0, -1.0, 9.0, 3.0])).tolist() == [0.5, 0.125, 0.875, 0.5]
    assert rank(np.array([42.0])).tolist() == [0.5]
    assert softmax(np.array([1000.0, 1000.0 + math.log(3)])) == pytest.approx([0.25, 0.75])
    assert sigmoid_if_unbounded(np.array([0.0, 0.3, 1.0])).tolist() == [0.0, 0.3, 1.0]
    assert sigmoid_if_unbounded(np.array([0.0, 0.3, 1.1])) == pytest.approx(
        [0.5, 1 / (1 + math.exp(-0.3)), 1 / (1 + math.exp(-1.1))]
    )
    assert sigmoid_if_unbounded(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("kind", Kind)
def test_wrong_scores_are_errors(kind: Kind) -> None:
    check_scores(kind, [0.0, 1.0], 2)
    check_scores(kind, [-1e-7, 1 + 1e-7], 2)
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(ScoreError, match=f"returned {wrong} for step 2 of 2"):
            check_scores(kind, [0.5, wrong], 2)
    for scores, wanted in (([0.5], 2), ([0.5, 0.5], 1), ([], 1)):
        with pytest.raises(ScoreError, match=f"returned {len(scores)} scores for {wanted} steps"):
            check_scores(kind, scores, wanted)
    for outside in (-0.00001, 1.00001):
        if kind in PROBABILITIES:
            with pytest.raises(ScoreError, match=f"returned {outside} for step 1 of 1, but its kind is {kind}"):
                check_scores(kind, [outside], 1)
        else:
            check_scores(kind, [outside], 1)


@pytest.mark.parametrize("wrong", [2.0, math.nan])
def test_a_wrong_score_ends_the_search(wrong: float) -> None:
    for searcher, _ in SEARCHERS[:3]:
        with pytest.raises(ScoreError, match=f"returned {wrong}"):
            run(searcher, Toy(), By(lambda steps: wrong))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("searcher", "allowed"), SEARCHERS, ids=lambda value: value if not isinstance(value, set) else ""
)
def test_a_searcher_runs_or_refuses_before_it_asks(searcher: Searcher, allowed: set[Kind], kind: Kind) -> None:
    policy, scorer = Counted(Toy()), Counted(fake(kind))
    if kind not in allowed:
        with pytest.raises(KindError, match=str(kind)):
            run(searcher, policy, scorer)
        assert policy.asked == scorer.asked == 0
        return
    tree = run(searcher, policy, scorer)
    assert tree.kind is kind and any(node.finished for node in tree.leaves())
    judged = [node for node in tree.born() if node.finished or kind is not Kind.OUTCOME]
    assert all(node.score is not None for node in judged)
    assert sum(node.score is not None for node in tree.nodes()) == len(judged)
    for rule in (Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED):
        if rule is Rule.WEIGHTED and kind is Kind.RANKING:
            with pytest.raises(KindError, match="weighted vote"):
                Selection(rule)(tree)
        else:
            assert Selection(rule)(tree).answer is not None


@pytest.mark.parametrize("searcher", [Beam(reduction=Reduction.SUM), MCTS(reduction=Reduction.SUM)])
def test_a_reduction_that_the_kind_forbids_is_refused_before_asking(searcher: Searcher) -> None:
    policy = Counted(Toy())
    with pytest.raises(KindError, match="reduction sum is not defined for scores of kind value"):
        run(searcher, policy, fake(Kind.VALUE))
    assert policy.asked == 0
