"""The entropic filter: how flat its lots are, that flattening changes no expectation, and that it keeps more apart."""

import math
from itertools import pairwise

import numpy as np
import pytest

from search import EntropicFilter, ParticleFilter, Tree
from search.algorithms import entropic_filter
from search.algorithms.entropic_filter import annealing, left_over
from search.algorithms.particles import Weighting
from search.algorithms.resampling import Scheme, log_mean, normalise
from tests.helpers import run, z_score
from tests.worlds import UNEVEN, Values, Walk, by_text, chain, leaf, world

CROWD = world(*(chain(name, 3, leaf(i), 1 / 8) for i, name in enumerate("abcdefgh")))
"""Eight ways of four steps."""
SURE = {**{f"{name}0": 0.05 for name in "abcdefgh"}, "a0": 0.95}
"""A scorer that is sure of a at the first step, and says one half of all others."""


def psi(score: float) -> float:
    return math.log(score / (1 - score))


def lots(tree: Tree) -> list[list[int]]:
    return [event.data["ancestors"] for event in tree.events("resampling")]


# how flat


def test_annealing_by_hand() -> None:
    """(n / ESS) (1 - t / horizon), at least 1, and 1 where the ESS is large enough."""
    assert annealing(0.2, 1, 5, 0.5) == pytest.approx(4.0)  # 5 x 0.8
    assert annealing(0.2, 4, 5, 0.5) == pytest.approx(1.0)
    assert annealing(0.4, 1, 2, 0.5) == pytest.approx(1.25)
    assert annealing(0.4, 2, 2, 0.5) == annealing(0.4, 99, 2, 0.5) == 1.0
    assert annealing(0.5, 0, 5, 0.5) == annealing(0.9, 0, 5, 0.5) == annealing(0.1, 0, 5, 0.0) == 1.0


def test_what_is_left_over_keeps_the_mean_weight() -> None:
    """Exactly, over all lots of one particle: sum of p_i left_over_i = the mean weight."""
    log_weights = np.log([0.1, 2.0, 5.0, 0.4])
    for annealed in (1.0, 1.7, 20.0):
        drawn = log_weights / annealed
        left = np.exp(left_over(log_weights, drawn))
        assert (normalise(drawn) * left).sum() == pytest.approx(np.exp(log_weights).mean())
        assert (np.ptp(left) < 1e-9) == (annealed == 1)
    assert log_mean(left_over(log_weights, log_weights)) == pytest.approx(log_mean(log_weights))


@pytest.mark.parametrize("seed", range(4))
def test_the_lots_are_the_annealed_weights(seed: int) -> None:
    tree = run(EntropicFilter(n=8, threshold=1.0, horizon=8), Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed)
    populations = [event.data for event in tree.events("population")]
    assert len(lots(tree)) == len(populations) - 1
    for (before, after), ancestors in zip(pairwise(populations), lots(tree), strict=True):
        weights = np.array(before["log_weights"])
        flat = weights / max(1.0, 8 / before["ess"] * (1 - (before["step"] + 1) / 8))
        expected = 8 * normalise(flat)
        copies = np.bincount(ancestors, minlength=8)
        assert (np.abs(copies - expected) < 1).all(), "systematic: floor or ceil of n p_i"
        moved = [psi(new.score) for new in after["nodes"]]
        were = [psi(before["nodes"][a].score) for a in ancestors]
        kept = left_over(weights, flat)[ancestors]
        assert after["log_weights"] == pytest.approx(list(kept + np.array(moved) - np.array(were)))


# what it is for


@pytest.mark.slow
def test_a_scorer_that_is_sure_too_early_does_not_take_all_particles() -> None:
    """16 particles, log-odds 5.9 apart after the first step: a plain filter keeps a alone, to within a particle."""

    def ways(searcher: EntropicFilter | ParticleFilter) -> float:
        def kept(seed: int) -> int:
            tree = run(searcher, Walk(root=CROWD), by_text(SURE | dict.fromkeys(OTHERS, 0.5)), seed=seed)
            return len({node.line()[0].text() for node in tree.events("population")[1].data["nodes"]})

        return sum(map(kept, range(40))) / 40

    plain, entropic = ways(ParticleFilter(n=16)), ways(EntropicFilter(n=16))
    assert plain < 2 and entropic > plain + 2
    assert ways(EntropicFilter(n=16, threshold=0.0)) == plain, "without its own phase it is a plain filter"


OTHERS = [*(f"{name}{depth}" for name in "abcdefgh" for depth in (1, 2)), *(f"\\boxed{{{i}}}" for i in range(8))]


@pytest.mark.parametrize(
    ("scheme", "threshold"), [(Scheme.SYSTEMATIC, 0.9), pytest.param(Scheme.MULTINOMIAL, 1.0, marks=pytest.mark.slow)]
)
def test_the_evidence_estimate_stays_unbiased(
    scheme: Scheme, threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E[Z estimate] = E_policy[exp(psi(last))], of odds 1 and 1.5: 150 runs of 4 particles, |z| < 4.

    Where the weights that the lots left out are forgotten, z is beyond 6.
    """
    root = world(chain("a", 1, leaf(1), 0.5), chain("b", 1, leaf(2), 0.5))
    scorer = by_text({"a0": 0.9, "b0": 0.2, "\\boxed{1}": 0.5, "\\boxed{2}": 0.6})

    def z() -> float:
        trees = [run(search, Walk(root=root), scorer, seed=seed) for seed in range(150)]
        return z_score([math.exp(tree.events("population")[-1].data["log_evidence"]) for tree in trees], 1.25)

    search = EntropicFilter(4, threshold, horizon=8, resampling=scheme)
    assert abs(z()) < 4
    monkeypatch.setattr(entropic_filter, "left_over", lambda weights, lots: np.full(4, log_mean(weights)))
    assert z() > 6


def test_without_flattening_it_is_the_particle_filter() -> None:
    for seed in range(3):
        flat = run(EntropicFilter(6, threshold=0.0), Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed)
        plain = run(ParticleFilter(6), Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed)
        assert lots(flat) == lots(plain)
        for one, other in zip(flat.events("population"), plain.events("population"), strict=True):
            assert [node.path for node in one.data["nodes"]] == [node.path for node in other.data["nodes"]]
            assert one.data["log_evidence"] == pytest.approx(other.data["log_evidence"])
            weights = [normalise(np.array(event.data["log_weights"])) for event in (one, other)]
            assert weights[0] == pytest.approx(weights[1])


def test_current_weights_forget_what_the_lots_left_out() -> None:
    search = EntropicFilter(6, threshold=1.0, weighting=Weighting.CURRENT)
    tree = run(search, Walk(root=UNEVEN), Values(root=UNEVEN), seed=3)
    for event in tree.events("population"):
        assert event.data["log_weights"] == pytest.approx([psi(node.score) for node in event.data["nodes"]])
        assert event.data["log_evidence"] is None
