"""The particle filter: exact evidence, weights by hand, what is resampled, what votes."""

import math
from typing import Any

import numpy as np
import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Budget, Kind, ParticleFilter, Rule, Selection, Tree
from search.algorithms.particle_filter import Weighting
from search.algorithms.resampling import RESAMPLERS, Scheme, effective_sample_size, normalise
from search.tree.randomness import generator
from tests.helpers import run, z_score
from tests.worlds import UNEVEN, Short, Values, Walk, by_text, chain, leaf, leaves, world


def psi(score: float) -> float:
    return math.log(score / (1 - score))


def populations(tree: Tree) -> list[dict[str, Any]]:
    return [event.data for event in tree.events("population")]


def resamplings(tree: Tree) -> list[dict[str, Any]]:
    return [event.data for event in tree.events("resampling")]


def evidence(tree: Tree) -> float:
    return math.exp(populations(tree)[-1]["log_evidence"])


@pytest.mark.parametrize(
    ("scheme", "threshold", "temperature"),
    [
        (Scheme.SYSTEMATIC, 1.0, 1.0),
        *(pytest.param(scheme, 1.0, 1.0, marks=pytest.mark.slow) for scheme in Scheme if scheme != Scheme.SYSTEMATIC),
        (Scheme.SYSTEMATIC, 0.5, 2.0),
        (Scheme.MULTINOMIAL, 0.0, 0.7),
    ],
)
def test_the_evidence_estimate_is_unbiased(scheme: Scheme, threshold: float, temperature: float) -> None:
    """E[Z estimate] = E_policy[exp(psi(last) / T)]: 250 runs of 4 particles, |z| < 4."""
    expected = sum(p * math.exp(psi(end.value) / temperature) for _, p, end in leaves(UNEVEN))
    search = ParticleFilter(4, resampling=scheme, threshold=threshold, temperature=temperature)
    trees = [run(search, Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed) for seed in range(250)]
    estimates = [evidence(tree) for tree in trees]
    assert np.std(estimates) > 0.1 * expected
    assert abs(z_score(estimates, expected)) < 4
    resampled = sum(len(resamplings(tree)) for tree in trees)
    assert (resampled > 0) == (threshold > 0)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_the_evidence_is_exact_where_nothing_is_random(threshold: float) -> None:
    scores = {"a0": 0.3, "a1": 0.8, "a2": 0.6, "\\boxed{1}": 0.9}
    search = ParticleFilter(5, threshold=threshold, temperature=1.5)
    tree = run(search, Walk(root=world(chain("a", 3, leaf(1)))), by_text(scores))
    estimates = [population["log_evidence"] for population in populations(tree)]
    assert estimates == pytest.approx([psi(score) / 1.5 for score in scores.values()])
    assert [population["ess"] for population in populations(tree)] == pytest.approx([5.0] * 4)
    assert len(resamplings(tree)) == (3 if threshold == 1 else 0)


@pytest.mark.parametrize("seed", [0, 3, 8])
def test_telescoping_weights_by_hand(seed: int) -> None:
    """The differences of psi add up between resamplings, start again at zero after one, and stop with the end."""
    search = ParticleFilter(6, threshold=0.6, temperature=2.0)
    tree = run(search, Walk(root=UNEVEN), Values(root=UNEVEN), seed=seed)
    log_weights, before = [0.0] * 6, [()] * 6
    ancestry = {data["step"]: data["ancestors"] for data in resamplings(tree)}
    for population in populations(tree):
        paths = [node.path for node in population["nodes"]]
        for i, (old, new) in enumerate(zip(before, paths, strict=True)):
            assert new == old or new[:-1] == old
            values = [psi(tree[path].score or 0) if path else 0.0 for path in (new, old)]
            log_weights[i] += (values[0] - values[1]) / 2.0
        assert population["log_weights"] == pytest.approx(log_weights)
        ess = sum(map(math.exp, log_weights)) ** 2 / sum(math.exp(2 * weight) for weight in log_weights)
        assert population["ess"] == pytest.approx(ess)
        last = population is populations(tree)[-1]
        assert (population["step"] in ancestry) == (ess / 6 <= 0.6 and not last)
        if population["step"] in ancestry:
            paths = [paths[ancestor] for ancestor in ancestry[population["step"]]]
            log_weights = [0.0] * 6
        before = paths
    assert ancestry, "no step was resampled: choose another seed"
    assert all(node.finished for node in populations(tree)[-1]["nodes"])


def test_current_weights_are_those_of_the_latest_score() -> None:
    search = ParticleFilter(6, Weighting.CURRENT, temperature=2.0)
    tree = run(search, Walk(root=UNEVEN), Values(root=UNEVEN), seed=3)
    for population in populations(tree):
        expected = [psi(node.score or 0) / 2.0 for node in population["nodes"]]
        assert population["log_weights"] == pytest.approx(expected)
        assert population["log_evidence"] is None
    assert len(resamplings(tree)) == len(populations(tree)) - 1 == 2, "it resamples at every step but the last"


def test_current_resamples_equal_weights_too() -> None:
    """ESS = n, which rounding could lift above the threshold."""
    for n in (3, 6, 7, 11):
        tree = run(
            ParticleFilter(n, Weighting.CURRENT),
            Walk(root=world(chain("a", 2, leaf(1)))),
            by_text({"a0": 0.3, "a1": 0.3}),
        )
        assert len(resamplings(tree)) == 2


def test_finished_particles_absorb_and_compete() -> None:
    """An early solution of high value takes over; one of low value is dropped. Neither is extended."""
    for early, kept in ((0.99999, True), (0.00001, False)):
        root = world(leaf(1, early, 0.5), chain("a", 3, leaf(2, 0.5), 0.5))
        tree = run(ParticleFilter(8, threshold=1.0), Walk(root=root), Values(root=root))
        first, last = populations(tree)[0]["nodes"], populations(tree)[-1]["nodes"]
        share = [sum(node.step.text == "\\boxed{1}" for node in nodes) for nodes in (first, last)]  # type: ignore[union-attr]
        assert 0 < share[0] < 8
        assert share[1] > share[0] if kept else share[1] == 0
        assert not any(node.children for node in tree.nodes() if node.finished)


def test_answers_use_the_weights_before_the_last_resampling() -> None:
    """The budget ends the search right after a resampling, at which the finished particles had unequal weights."""
    root = world(leaf(1, 0.9, 0.4), leaf(2, 0.6, 0.4), chain("a", 5, leaf(3, 0.5), 0.2))
    search = ParticleFilter(8, threshold=1.0, resampling=Scheme.MULTINOMIAL)
    tree = run(search, Walk(root=root), Values(root=root), Budget(generated_tokens=8), seed=6)
    assert tree.stopped == "budget" and len(populations(tree)) == len(resamplings(tree)) == 1
    paths = [node.path for node in populations(tree)[0]["nodes"]]
    weights = normalise(np.array(populations(tree)[0]["log_weights"]))
    expected: dict[str, float] = {}
    for path, weight in zip(paths, weights, strict=True):
        if tree[path].finished:
            answer = tree[path].text()[7:-1]
            expected[answer] = expected.get(answer, 0.0) + weight
    assert len(expected) == 2 and len(set(expected.values())) == 2
    votes = Selection(Rule.PARTICLE)(tree).votes
    assert {vote.answer: vote.weight for vote in votes} == pytest.approx(expected)
    counts = {vote.answer: vote.weight for vote in Selection(Rule.MAJORITY)(tree).votes}
    assert counts == pytest.approx({answer: 8 * weight for answer, weight in expected.items()})


@pytest.mark.parametrize("scheme", Scheme)
def test_the_chosen_scheme_is_the_one_used(scheme: Scheme) -> None:
    tree = run(ParticleFilter(12, resampling=scheme, threshold=1.0), Walk(root=UNEVEN), Values(root=UNEVEN), seed=5)
    assert len(resamplings(tree)) == 2
    drawn = {}
    for population, resampling in zip(populations(tree), resamplings(tree), strict=False):
        weights = normalise(np.array(population["log_weights"]))
        for other in Scheme:
            rng = generator(5, "question", "resample", resampling["step"])
            drawn.setdefault(other, []).append(RESAMPLERS[other](weights, rng).tolist())
    assert [resampling["ancestors"] for resampling in resamplings(tree)] == drawn[scheme]
    assert all(drawn[other] != drawn[scheme] for other in Scheme if other is not scheme)


def test_an_additive_score_is_summed() -> None:
    scores = {"a0": 1.5, "a1": -4.0, "\\boxed{1}": 0.25}
    tree = run(
        ParticleFilter(3, temperature=0.5), Walk(root=world(chain("a", 2, leaf(1)))), by_text(scores, Kind.ADDITIVE)
    )
    estimates = [population["log_evidence"] for population in populations(tree)]
    assert estimates == pytest.approx([3.0, -5.0, -4.5])


def test_extreme_scores_are_clipped() -> None:
    tree = run(ParticleFilter(2), Walk(root=world(chain("a", 1, leaf(1)))), by_text({"a0": 0.0, "\\boxed{1}": 1.0}))
    limit = math.log((1 - 1e-6) / 1e-6)
    assert [p["log_evidence"] for p in populations(tree)] == pytest.approx([-limit, limit])


def test_truncated_particles_absorb_and_do_not_vote() -> None:
    root = world(leaf(1, 0.5, 0.5), chain("a", 9, leaf(2, 0.5), 0.5))
    tree = run(ParticleFilter(8), Short(root=root, limit=3), Values(root=root))
    assert tree.stopped == "done" and any(leaf.truncated for leaf in tree.leaves())
    assert [vote.answer for vote in Selection(Rule.PARTICLE)(tree).votes] == ["1"]


def test_particles_share_their_prefix() -> None:
    tree = run(ParticleFilter(8, threshold=1.0), Toy(), ToyScorer())
    assert any(len(node.children) > 1 for node in tree.nodes())
    assert tree.ledger.policy_calls == 8 * 4


def test_evidence_of_a_recorded_run_is_the_product_of_mean_weights() -> None:
    tree = run(ParticleFilter(6, threshold=1.0), Walk(root=UNEVEN), Values(root=UNEVEN), seed=6)
    means = [float(np.mean(np.exp(population["log_weights"]))) for population in populations(tree)]
    assert np.cumprod(means) == pytest.approx(
        [math.exp(population["log_evidence"]) for population in populations(tree)]
    )
    ess = [effective_sample_size(np.array(population["log_weights"])) for population in populations(tree)]
    assert ess == pytest.approx([population["ess"] for population in populations(tree)])


def test_by_default_it_resamples_at_every_step_but_the_last() -> None:
    tree = run(ParticleFilter(8), Toy(), ToyScorer())
    assert [data["step"] for data in resamplings(tree)] == [0, 1, 2] and len(populations(tree)) == 4
