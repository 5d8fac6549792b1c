"""Properties of the kernels, for any weights, scores and answers that hypothesis can think of."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search import Reduction, Rule, Selection
from search.algorithms.puct import logprob_prior, puct, share_prior, uniform_prior
from search.algorithms.resampling import RESAMPLERS, Scheme, effective_sample_size, log_mean, normalise
from search.answers.grouping import PairFirsts, group
from search.tree.scores import Array, logit, min_max, rank, reduce, softmax
from tests.search.trees import tree_of

SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=20).filter(any)
LOG_WEIGHTS = st.lists(st.floats(-700, 700), min_size=1, max_size=20)
PROBABILITIES = st.floats(0, 1)
ANSWERS = st.lists(st.one_of(st.none(), st.integers(-9, 9).map(str)), max_size=20)


def drawn(scheme: Scheme, weights: list[float], rng: Any) -> Array:
    """[N]: how often each index was drawn."""
    return np.bincount(RESAMPLERS[scheme](np.array(weights), rng), minlength=len(weights)).astype(float)


class Fixed:
    """A generator whose uniform draws are given."""

    def __init__(self, point: float) -> None:
        self.point = point

    def random(self, count: int | None = None) -> Any:
        return self.point if count is None else np.full(count, self.point)


# resampling


@given(WEIGHTS, st.sampled_from(Scheme), SEEDS)
def test_ancestors_are_n_ascending_indices_of_positive_weight(weights: list[float], scheme: Scheme, seed: int) -> None:
    ancestors = RESAMPLERS[scheme](np.array(weights), np.random.default_rng(seed))
    assert len(ancestors) == len(weights) and np.all(np.diff(ancestors) >= 0)
    assert np.all(np.array(weights)[ancestors] > 0)


@given(WEIGHTS, SEEDS)
def test_copies_are_as_many_as_each_scheme_guarantees(weights: list[float], seed: int) -> None:
    """Systematic: floor or ceil of N w; residual: at least floor; stratified: less than two away."""
    expected = len(weights) * np.array(weights) / sum(weights)
    low, high = np.floor(expected + 1e-9), np.ceil(expected - 1e-9)
    copies = {scheme: drawn(scheme, weights, np.random.default_rng(seed)) for scheme in Scheme}
    assert np.all((low <= copies[Scheme.SYSTEMATIC]) & (copies[Scheme.SYSTEMATIC] <= high))
    assert np.all(low <= copies[Scheme.RESIDUAL])
    assert np.all(np.abs(copies[Scheme.STRATIFIED] - expected) < 2)


@given(WEIGHTS)
def test_systematic_resampling_is_unbiased_by_construction(weights: list[float]) -> None:
    """The mean over 100 evenly spaced draws is N w: each of an index's two ends is off by at most one draw."""
    grid = [drawn(Scheme.SYSTEMATIC, weights, Fixed((i + 0.5) / 100)) for i in range(100)]
    expected = len(weights) * np.array(weights) / sum(weights)
    assert np.abs(np.mean(grid, axis=0) - expected).max() <= 1 / 100 + 1e-9


@given(st.integers(1, 20), st.integers(0, 19), SEEDS)
def test_all_weight_on_one_draws_it_alone(n: int, one: int, seed: int) -> None:
    weights = [float(i == one % n) for i in range(n)]
    for scheme in Scheme:
        assert drawn(scheme, weights, np.random.default_rng(seed))[one % n] == n


@given(WEIGHTS, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]), st.sampled_from(Scheme), SEEDS)
def test_only_ratios_of_weights_count(weights: list[float], factor: float, scheme: Scheme, seed: int) -> None:
    scaled = [weight * factor for weight in weights]
    both = [drawn(scheme, each, np.random.default_rng(seed)) for each in (weights, scaled)]
    assert both[0].tolist() == both[1].tolist()


# weights


@given(LOG_WEIGHTS, st.floats(-1e3, 1e3))
def test_normalised_weights_sum_to_one_and_do_not_see_a_shift(log_weights: list[float], shift: float) -> None:
    array = np.array(log_weights)
    weights = normalise(array)
    assert weights.sum() == pytest.approx(1) and np.all(weights >= 0)
    assert np.all(np.diff(weights[np.argsort(array)]) >= 0)
    assert normalise(array + shift) == pytest.approx(weights, abs=1e-9)
    assert log_mean(array + shift) == pytest.approx(log_mean(array) + shift, abs=1e-9)
    assert array.min() - 1e-9 <= log_mean(array) <= array.max() + 1e-9


@given(LOG_WEIGHTS)
def test_effective_sample_size_is_between_one_and_n(log_weights: list[float]) -> None:
    array = np.array(log_weights)
    size = effective_sample_size(array)
    assert 1 - 1e-9 <= size <= len(array)
    assert effective_sample_size(np.concatenate([array, array])) == pytest.approx(2 * size)
    assert effective_sample_size(np.append(array, -np.inf)) == pytest.approx(size)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_conversions_keep_the_order(scores: list[float]) -> None:
    array = np.array(scores)
    order = np.argsort(array, kind="stable")
    for convert in (min_max, rank, softmax):
        converted = convert(array)
        assert np.all((converted >= 0) & (converted <= 1)) and np.all(np.diff(converted[order]) >= 0)
    assert rank(array).mean() == pytest.approx(0.5)
    assert np.all(np.diff(logit(np.sort(np.clip(array, 0, 1)))) >= 0)


@given(st.lists(PROBABILITIES, min_size=1, max_size=20))
def test_reductions_of_probabilities_are_ordered(scores: list[float]) -> None:
    product, least, mean = (reduce(scores, r) for r in (Reduction.PRODUCT, Reduction.MIN, Reduction.MEAN))
    assert 0 <= product <= least <= mean + 1e-12 and mean <= max(scores) + 1e-12
    assert reduce(scores, Reduction.SUM) == pytest.approx(mean * len(scores))


# PUCT

CHILD = st.tuples(PROBABILITIES, st.floats(0.01, 1), st.integers(0, 50))
CHILDREN = st.lists(CHILD, min_size=1, max_size=8)


def bounds(children: list[tuple[float, float, int]], c: float) -> list[float]:
    visits = 1 + sum(child[2] for child in children)
    return [puct(*child, visits, c) for child in children]


@given(CHILDREN, st.floats(0, 4))
def test_upper_bounds_are_value_plus_exploration(children: list[tuple[float, float, int]], c: float) -> None:
    total = 1 + sum(visits for _, _, visits in children)
    for bound, (q, prior, visits) in zip(bounds(children, c), children, strict=True):
        assert bound == pytest.approx(q + c * prior * math.sqrt(total) / (1 + visits))


@given(CHILDREN, st.floats(0, 4), st.integers(0, 7), st.floats(0, 1))
def test_a_bound_grows_with_value_and_prior_and_falls_with_visits(
    children: list[tuple[float, float, int]], c: float, which: int, more: float
) -> None:
    place = which % len(children)
    q, prior, visits = children[place]
    before = bounds(children, c)

    total = 1 + sum(child[2] for child in children)

    def after(child: tuple[float, float, int]) -> list[float]:
        return [puct(*(child if i == place else other), total, c) for i, other in enumerate(children)]

    for better in ((min(1.0, q + more), prior, visits), (q, prior + more, visits)):
        changed = after(better)
        assert changed[place] >= before[place] - 1e-12
        assert changed[:place] + changed[place + 1 :] == before[:place] + before[place + 1 :]
    assert after((q, prior, visits + 1))[place] <= before[place] + 1e-12


@given(CHILD, st.integers(2, 6), st.floats(0, 4))
def test_equal_children_have_equal_bounds_so_that_the_first_is_taken(
    child: tuple[float, float, int], copies: int, c: float
) -> None:
    tied = bounds([child] * copies, c)
    assert len(set(tied)) == 1 and max(range(copies), key=tied.__getitem__) == 0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_priors_are_distributions_in_the_order_of_their_counts(counts: list[int]) -> None:
    for prior in (share_prior(counts), logprob_prior([-1 / count for count in counts]), uniform_prior(counts)):
        assert sum(prior) == pytest.approx(1) and np.all(np.diff(np.array(prior)[np.argsort(counts)]) >= -1e-12)


# votes

SOLUTIONS = st.lists(st.tuples(st.integers(1, 4), PROBABILITIES), min_size=1, max_size=12)


def ballot(solutions: list[tuple[int, float]], rule: Rule) -> Any:
    return Selection(rule, Reduction.LAST)(tree_of(*((str(answer), [score]) for answer, score in solutions)))


@given(SOLUTIONS, st.randoms(use_true_random=False), st.sampled_from([Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED]))
def test_the_order_of_leaves_changes_no_weight(solutions: list[tuple[int, float]], rng: Any, rule: Rule) -> None:
    shuffled = rng.sample(solutions, len(solutions))
    first, second = ballot(solutions, rule), ballot(shuffled, rule)
    weights = [{vote.answer: vote.weight for vote in each.votes} for each in (first, second)]
    assert weights[0] == pytest.approx(weights[1])
    assert Counter(first.tied) == Counter(second.tied)


@given(SOLUTIONS)
def test_votes_are_what_a_count_by_hand_gives(solutions: list[tuple[int, float]]) -> None:
    counts = Counter(str(answer) for answer, _ in solutions)
    sums = {answer: math.fsum(s for other, s in solutions if str(other) == answer) for answer in counts}
    tops = {answer: max(s for other, s in solutions if str(other) == answer) for answer in counts}
    for rule, expected in ((Rule.MAJORITY, counts), (Rule.WEIGHTED, sums), (Rule.BEST, tops)):
        votes = ballot(solutions, rule).votes
        assert {vote.answer: vote.weight for vote in votes} == pytest.approx(expected)
        assert sum(len(vote.leaves) for vote in votes) == len(solutions)


@given(SOLUTIONS, st.sampled_from([Rule.BEST, Rule.MAJORITY, Rule.WEIGHTED]))
def test_the_answer_is_the_first_of_those_that_are_tied(solutions: list[tuple[int, float]], rule: Rule) -> None:
    result = ballot(solutions, rule)
    tied = [vote for vote in result.votes if vote.answer in result.tied]
    assert result.answer == result.tied[0] == result.votes[0].answer
    assert tied == result.votes[: len(tied)]
    assert all(vote.weight == pytest.approx(tied[0].weight, rel=1e-9) for vote in tied)


# equal answers


@given(ANSWERS)
def test_groups_are_a_partition_of_the_answers_in_their_order(answers: list[str | None]) -> None:
    groups = group(answers)
    assert sorted(i for members in groups for i in members) == [i for i, a in enumerate(answers) if a is not None]
    assert all(members == sorted(members) for members in groups)
    assert [members[0] for members in groups] == sorted(members[0] for members in groups)
    assert all(len({answers[i] for i in members}) == 1 for members in groups), "plain numbers are compared exactly"


@given(st.lists(st.integers(0, 9).map(str), max_size=20), st.integers(0, 3))
def test_an_answer_joins_the_first_group_whose_first_member_it_equals(answers: list[str], near: int) -> None:
    """Also where the relation is not transitive, as with rounded decimals."""

    def equal(a: str, b: str) -> bool:
        return abs(int(a) - int(b)) <= near

    groups = group(answers, PairFirsts(equal))
    assume(groups)
    for place, members in enumerate(groups):
        firsts = [answers[earlier[0]] for earlier in groups[: place + 1]]
        for i in members:
            assert next(k for k, first in enumerate(firsts) if equal(first, answers[i])) == place
    assert groups == group(answers, PairFirsts(equal))
