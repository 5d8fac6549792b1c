"""What n samples say of k, against every subset of k counted one by one."""

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.analysis.pass_at_k import (
    Samples,
    best_at_k,
    doublings,
    g_pass_at_k,
    mean_g_pass_at_k,
    pass_at_k,
    vote_at_k,
)

Figure = Callable[[tuple[int, ...]], float]
"""Of the places of the samples in a subset."""


def of_subsets(n: int, k: int, figure: Figure) -> float:
    """The mean over all subsets of k."""
    return float(np.mean([figure(subset) for subset in combinations(range(n), k)]))


def best(samples: Samples) -> Figure:
    """How often the answers of the highest score are right; a sample without an answer has none."""

    def figure(subset: tuple[int, ...]) -> float:
        answered = [place for place in subset if samples.group[place] >= 0]
        most = max((samples.score[place] for place in answered), default=0)
        return float(np.mean([samples.right[place] for place in answered if samples.score[place] == most] or [0]))

    return figure


def voted(samples: Samples, weight: np.ndarray) -> Figure:
    """How often the answers of the most votes are right."""

    def figure(subset: tuple[int, ...]) -> float:
        totals: dict[int, float] = {}
        for place in subset:
            if (group := int(samples.group[place])) >= 0:
                totals[group] = totals.get(group, 0) + weight[place]
        won = [group for group, total in totals.items() if total >= max(totals.values()) - 1e-12]
        firsts = [next(place for place in subset if samples.group[place] == group) for group in won]
        return float(np.mean(samples.right[firsts])) if won else 0.0

    return figure


def samples_of(group: list[int], right: set[int], score: list[float]) -> Samples:
    """The answers of the groups in `right` are right; group -1 has no answer."""
    groups, scores = np.array(group), np.array(score, dtype=float)
    return Samples(groups, np.isin(groups, sorted(right)).astype(float), scores, scores)


@st.composite
def drawn(draw: st.DrawFn) -> Samples:
    """One to seven samples of at most three answers, with scores that are often equal."""
    places = draw(
        st.lists(st.tuples(st.integers(-1, 2), st.sampled_from([0.1, 0.5, 0.75, 1.0])), min_size=1, max_size=7)
    )
    right = draw(st.sets(st.integers(0, 2)))
    return samples_of([group for group, _ in places], right, [score for _, score in places])


KNOWN = samples_of([0, 1, 2, 0, 1, 0, -1], {0}, [0.5, 0.9, 0.9, 0.9, 0.1, 0.5, 0.95])
"""Seven samples, three of them right; the last, of the highest score, has no answer."""


@settings(deadline=None)
@given(drawn(), st.integers(1, 7), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_exact_figures_are_those_of_all_subsets(samples: Samples, k: int, share: float):
    n, c = len(samples.right), int(samples.right.sum())
    k = min(k, n)

    def of_hits(figure: Callable[[int], float]) -> float:
        return of_subsets(n, k, lambda subset: figure(int(samples.right[list(subset)].sum())))

    assert pass_at_k(n, c, k) == pytest.approx(of_hits(lambda hits: hits > 0))
    assert g_pass_at_k(n, c, k, share) == pytest.approx(of_hits(lambda hits: hits >= max(1, share * k)))
    area = of_hits(lambda hits: 2 / k * max(0, hits - k / 2))
    assert mean_g_pass_at_k(n, c, k) == pytest.approx(area), "every share above a half that is reached"
    assert best_at_k(samples, k) == pytest.approx(of_subsets(n, k, best(samples)))


@settings(deadline=None)
@given(drawn(), st.integers(1, 7), st.booleans())
def test_votes_are_exact_where_all_subsets_are_counted(samples: Samples, k: int, weighted: bool):
    n = len(samples.right)
    k, weight = min(k, n), samples.weight if weighted else np.ones(n)
    found = vote_at_k(samples, weight, k, comb(n, k), np.random.default_rng(0))
    assert found == (pytest.approx(of_subsets(n, k, voted(samples, weight))), 0)


@settings(deadline=None)
@given(drawn(), st.data())
def test_figures_do_not_depend_on_the_order_of_samples(samples: Samples, data: st.DataObject):
    n = len(samples.right)
    order = np.array(data.draw(st.permutations(range(n))))
    k = data.draw(st.integers(1, n))
    turned = Samples(*(column[order] for column in samples))
    assert best_at_k(turned, k) == pytest.approx(best_at_k(samples, k))
    one, two = (vote_at_k(s, s.weight, k, comb(n, k), np.random.default_rng(0)) for s in (samples, turned))
    assert one == (pytest.approx(two.mean), 0)


@settings(deadline=None)
@given(st.integers(1, 20), st.data())
def test_more_samples_never_pass_less_often(n: int, data: st.DataObject):
    c = data.draw(st.integers(0, n))
    passes = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert passes == sorted(passes) and passes[0] == pytest.approx(c / n) and passes[-1] == (c > 0)


def test_mg_pass_is_twice_the_area_from_a_half_to_one():
    assert mean_g_pass_at_k(10, 10, 4) == pytest.approx(1.0), "always right: two shares above a half, each 1"
    assert [mean_g_pass_at_k(10, 10, k) for k in range(1, 10)] == pytest.approx([1.0] * 9), "also of an odd number"
    assert mean_g_pass_at_k(10, 0, 4) == 0
    expected = 2 / 4 * (g_pass_at_k(10, 7, 4, 0.75) + g_pass_at_k(10, 7, 4, 1.0))
    assert mean_g_pass_at_k(10, 7, 4) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [np.ones(7), KNOWN.score], ids=["majority", "weighted"])
@pytest.mark.parametrize("k", [3, 4])
def test_votes_of_drawn_subsets_are_unbiased(k: int, weight: np.ndarray):
    """30 of 35 subsets, 400 times: their mean lies within five standard errors, and the error is what it says."""
    known = of_subsets(7, k, voted(KNOWN, weight))
    estimates = [vote_at_k(KNOWN, weight, k, 30, np.random.default_rng(seed)) for seed in range(400)]
    means = [one.mean for one in estimates]
    assert abs(np.mean(means) - known) <= 5 * np.std(means) / 20 + 1e-12
    assert np.mean([one.error for one in estimates]) == pytest.approx(np.std(means), rel=0.2)


@settings(deadline=None)
@given(drawn(), st.booleans(), st.integers(0, 9))
def test_votes_of_drawn_subsets_are_those_counted_one_by_one(samples: Samples, weighted: bool, seed: int):
    """The subsets that a seed draws stay the same, and so do the figures of earlier runs; group 0 is half right."""
    twice = [np.concatenate([column, column]) for column in samples]
    samples = Samples(*twice)._replace(right=np.where(twice[0] == 0, np.arange(len(twice[0])) % 2, twice[1]))
    n, draws = len(samples.right), 12
    k = max(n // 2, 1)
    weight = samples.weight if weighted else np.ones(n)
    order = np.random.default_rng(seed).random((draws, n)).argsort(axis=1)
    figure = voted(samples, weight)
    expected = [figure(tuple(np.flatnonzero(row < k).tolist())) for row in order]
    if comb(n, k) > draws:
        assert vote_at_k(samples, weight, k, draws, np.random.default_rng(seed)).mean == pytest.approx(
            np.mean(expected)
        )


def test_a_vote_of_one_is_right_as_often_as_one_sample():
    """A group whose members are not all right together, as 0.25, 25 % and 25 are: the one that is drawn counts."""
    samples = Samples(np.zeros(4, dtype=int), np.array([0.0, 1.0, 1.0, 0.0]), np.arange(4.0), np.ones(4))
    rng = np.random.default_rng(0)
    assert vote_at_k(samples, samples.weight, 1, 10, rng).mean == pass_at_k(4, 2, 1) == 0.5
    assert vote_at_k(samples, samples.weight, 2, 10, rng).mean == 0.5  # (0, .), three of six, are wrong
    assert vote_at_k(samples, samples.weight, 4, 10, rng).mean == 0


def test_more_samples_than_there_are_is_an_error():
    for k in (0, 8):
        with pytest.raises(ValueError, match=f"k is {k}; of 7 samples it can be 1 to 7"):
            pass_at_k(7, 3, k)


def test_doublings_end_with_n():
    assert list(doublings(10)) == [1, 2, 4, 8, 10] and list(doublings(1)) == [1] and list(doublings(4)) == [1, 2, 4]
