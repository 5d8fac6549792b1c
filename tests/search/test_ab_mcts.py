"""AB-MCTS-A: posteriors by known moments, the exact odds of going wider, and where its simulations go."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import ABMCTS, Kind, KindError, Rule, Selection, Tree
from search.algorithms.thompson import DRAWS, Posterior, Seen, beta, gaussian
from tests.helpers import run
from tests.search.bandit import ARMS, arm_value, visits
from tests.worlds import By, Short, Values, Walk, by_text, leaf, world


def seen(*values: float) -> Seen:
    so_far = Seen()
    for value in values:
        so_far = so_far.and_also(value)
    return so_far


# posteriors


def test_what_was_seen_and_how_it_scales() -> None:
    values = [0.9, 0.1, 0.4, 0.4]
    assert seen(*values) == pytest.approx((4, np.mean(values), np.var(values)))
    assert seen(*values).scaled(0.1, 0.9) == pytest.approx(seen(*((v - 0.1) / 0.8 for v in values)))
    assert seen(7.0, 7.0).scaled(7.0, 7.0) == (2, 0.5, 0.0)


def test_beta_draws_have_the_moments_of_their_posterior() -> None:
    """beta(1/2 + 2.1, 1/2 + 0.9): 4,000 draws, 4 standard errors of the mean."""
    rng = np.random.default_rng(0)
    draws = [beta(seen(0.9, 0.5, 0.7), rng) for _ in range(4000)]
    mean, variance = 2.6 / 4, 2.6 * 1.4 / (16 * 5)
    assert abs(np.mean(draws) - mean) < 4 * math.sqrt(variance / 4000)
    assert np.var(draws) == pytest.approx(variance, rel=0.1)
    assert 0 <= beta(Seen(3, 1.0 + 1e-15), rng) <= 1


def test_gaussian_draws_have_the_quantiles_of_their_posterior() -> None:
    """Student t of 1 + 3 degrees of freedom, whose 95 % point is 2.132; 4,000 draws, 4 standard errors."""
    rng = np.random.default_rng(0)
    values = [0.9, 0.5, 0.7]
    centre = sum(values) / 4
    width = math.sqrt((0.1 + 3 * np.var(values) + 3 / 4 * 0.7**2) / 4 / 4)
    draws = np.array([gaussian(seen(*values), rng) for _ in range(4000)])
    for point, share in ((0.0, 0.5), (2.132, 0.95), (-2.132, 0.05)):
        assert abs((draws < centre + point * width).mean() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    assert abs(NormalDist().cdf(2.132) - 0.95) > 0.02, "a normal of the same width would fail"


# wider or deeper


def wider_after(value: float, posterior: Posterior) -> float:
    """Exact probability that a draw from {value} exceeds one from the prior, by quadrature."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    if posterior is Posterior.GAUSSIAN:  # t of 2 degrees, by its quantiles, against t of 1 degree
        width = math.sqrt((0.1 + value**2 / 2) / 2 / 2)
        x = value / 2 + width * (2 * grid - 1) * np.sqrt(2 / (4 * grid * (1 - grid)))
        return float((0.5 + np.arctan(x / math.sqrt(0.1)) / math.pi).mean())
    a, b = 0.5 + value, 1.5 - value  # x = 1 - t^(1/b) takes away the pole at 1; beta(1/2, 1/2) is the arcsine law
    x = 1 - grid ** (1 / b)
    density = math.gamma(a + b) / math.gamma(a) / math.gamma(b) / b * x ** (a - 1)
    return float((density * 2 / math.pi * np.arcsin(np.sqrt(x))).mean())


@pytest.mark.parametrize("posterior", Posterior)
@pytest.mark.parametrize("value", [0.9, 0.3])
def test_the_second_simulation_goes_wider_as_often_as_it_must(posterior: Posterior, value: float) -> None:
    """One solution of one step was seen: 400 runs, 4 standard errors."""
    exact = wider_after(value, posterior)
    root = world(leaf(1, value, 0.5), leaf(2, value, 0.5))
    trees = [run(ABMCTS(2, posterior), Walk(root=root), Values(root=root), seed=seed) for seed in range(400)]
    wider = sum(tree.root.stats["wider"][0] == 2 for tree in trees) / 400
    assert 0.2 < exact < 0.8 and abs(wider - exact) < 4 * math.sqrt(exact * (1 - exact) / 400)


@pytest.mark.parametrize("posterior", Posterior)
def test_simulations_go_where_values_are_high(posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two arms of equal probability, of values 0.9 and 0.1; mean over 10 runs of 60 simulations."""

    def better() -> float:
        def share(seed: int) -> float:
            tree = run(ABMCTS(60, posterior), Walk(root=ARMS), arm_value(0.9, 0.1), seed=seed)
            first = list(tree.root.children.values())
            return sum(node.stats["visits"] for node in first if node.text().startswith("a")) / 60

        return sum(map(share, range(10))) / 10

    assert better() > 0.75
    monkeypatch.setitem(DRAWS, posterior, lambda seen, rng: float(rng.random()))  # draws that heed no value
    assert better() < 0.65


# the tree


def test_every_simulation_ends_in_a_leaf_that_has_its_vote() -> None:
    tree = run(ABMCTS(40), Toy(), ToyScorer(), seed=1)
    leaves = tree.leaves()
    assert all(leaf.finished for leaf in leaves) and tree.root.stats["visits"] == 40
    assert sum(vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes) == 40
    for node in [tree.root, *tree.nodes()]:
        choices = [node.stats.get(name, [0])[0] for name in ("wider", "deeper")]
        assert sum(choices) == (node.stats["visits"] if node.open else 0)
        if node.open:
            assert choices[0] == sum(child.stats["count"] for child in node.children.values())
        if node.depth:
            assert node.stats["behind"][0] == node.stats["visits"]


def test_what_counts_is_relative_where_scores_have_no_bounds() -> None:
    """Rewards of solutions, stretched and moved: the same simulations."""

    def grown(scale: float, shift: float) -> Tree:
        def scorer(steps: object) -> float:
            return shift + scale * arm_value(0.75, 0.25).score_of(steps)  # type: ignore[arg-type]

        return run(ABMCTS(30), Walk(root=ARMS), By(scorer, Kind.OUTCOME), seed=3)

    trees = [grown(1.0, 0.0), grown(64.0, -8.0)]
    assert visits(trees[0]) == visits(trees[1])
    assert [node.path for node in trees[0].nodes()] == [node.path for node in trees[1].nodes()]


def test_solutions_that_are_cut_are_backed_up_where_they_have_a_value() -> None:
    for kind, counted in ((Kind.VALUE, 20), (Kind.OUTCOME, 0)):
        tree = run(ABMCTS(20), Short(root=ARMS, limit=2), arm_value(0.6, 0.5, kind))
        assert tree.root.stats["visits"] == 20 and all(leaf.truncated for leaf in tree.leaves())
        assert sum(tree.root.stats.get(name, [0])[0] for name in ("wider", "deeper")) == counted


def test_ranks_say_nothing_of_leaves() -> None:
    with pytest.raises(KindError, match="values of its leaves"):
        run(ABMCTS(), Toy(), by_text({}, Kind.RANKING))
