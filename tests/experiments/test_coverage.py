"""Simulations with known truth of the intervals and verdicts: `make stats-check`, about two minutes.

The world: problem i is solved by a sample with probability p_i ~ Beta; a right sample scores N(1, 1), a wrong one
N(0, 1). The baseline is Best-of-N by highest score, expected from 64 samples of each problem; a searcher under test is
itself Best-of-N, one search of each problem and budget. Seeds are fixed. The settings are those of an audit of an
earlier version, which called such a searcher better in up to 33 % of the cells of easy problems.
"""

import math

import numpy as np
import pytest

from experiments.analysis.baseline import Cell
from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import adjusted, compared, comparisons
from experiments.analysis.judgement import f1_interval
from experiments.analysis.pass_at_k import Samples, best_at_k
from experiments.analysis.step_metrics import FirstErrors
from experiments.analysis.uncertainty import accuracy_interval
from experiments.runs.axes import Axis
from experiments.runs.results import Result, Sample
from tests.results import result

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

N, BUDGETS, SEARCHERS = 64, (1, 4, 16, 64), ("beam", "mcts", "particle_filter")
BETA = {0.06: (0.1, 1.5), 0.5: (0.7, 0.7), 0.8: (2.0, 0.5), 0.94: (3.0, 0.2)}  # by their mean
_SCORES = np.linspace(-5, 7, 1201)
_CDF = np.array([0.5 * math.erfc(-score / math.sqrt(2)) for score in _SCORES])


def chances(k: int) -> np.ndarray:
    """The probability that the highest of k scores is a right sample's, for p = 0, 0.001, ..., 1."""
    p = np.linspace(0, 1, 1001)[:, None]
    density = np.exp(-((_SCORES - 1) ** 2) / 2) / math.sqrt(2 * math.pi)
    below = p * np.interp(_SCORES - 1, _SCORES, _CDF, left=0.0) + (1 - p) * _CDF
    return (k * p * density * below ** (k - 1)).sum(1) * (_SCORES[1] - _SCORES[0])


CHANCES = {k: chances(k) for k in BUDGETS}
SHARES = {k: np.array([math.comb(N - 1 - place, k - 1) / math.comb(N, k) for place in range(N)]) for k in BUDGETS}
"""By rank among N scores: the probability that it is the highest of k."""


def chance(k: int, p: np.ndarray) -> np.ndarray:
    return np.interp(p, np.linspace(0, 1, 1001), CHANCES[k])


class World:
    """Problems and their baseline, with some seeds each."""

    def __init__(self, mean: float, problems: int, rng: np.random.Generator, seeds: int = 1) -> None:
        self.p, self.rng, self.seeds = rng.beta(*BETA[mean], problems), rng, seeds
        self.right = rng.random((seeds, problems, N)) < self.p[:, None]
        self.scores = rng.normal(size=(seeds, problems, N)) + self.right
        self.ranked = np.take_along_axis(self.right, np.argsort(-self.scores, axis=2), axis=2)

    def baseline(self, k: int) -> Cell:
        return Cell("best_of_n", k, 10.0 * k, (self.ranked @ SHARES[k]).mean(0), self.seeds, searched=k == N)

    def search(self, searcher: str, k: int, more: float = 0.0) -> Cell:
        """One search of each problem and seed, by Best-of-k and `more`."""
        found = self.rng.random((self.seeds, len(self.p))) < np.minimum(chance(k, self.p) + more, 1)
        return Cell(searcher, k, 10.0 * k, found.mean(0), self.seeds)


def test_the_simulated_world_is_that_of_the_command():
    """The same numbers by `comparisons` from results with samples, and by the arrays that the others use."""
    world = World(0.5, 20, np.random.default_rng(0))
    cells = [world.search(name, k) for name in SEARCHERS for k in BUDGETS]
    found: list[Result] = []
    for p in range(20):
        rows = zip(world.right[0, p], world.scores[0, p], strict=True)
        samples = [Sample(str(int(right)), int(right), bool(right), float(s), 1.0) for right, s in rows]
        best = float(world.ranked[0, p, 0])
        found.append(result(p, "best_of_n", N, best, 10.0 * N, samples=samples, smaller=list(BUDGETS[:-1])))
        found += [result(p, cell.searcher, int(cell.scale), cell.correct[p], cell.cost or 0) for cell in cells]
    expected = adjusted([compared(cell, world.baseline(int(cell.scale))) for cell in cells])
    said = comparisons(Cells.of(found), "best_of_n", Axis.GENERATED_TOKENS, "best")
    for one, other in zip(said, expected, strict=True):
        assert one.difference is not None and other.difference is not None
        assert one.difference.mean == pytest.approx(other.difference.mean)
        assert one.difference.interval == pytest.approx(other.difference.interval)
        assert (one.p_value, one.better) == (pytest.approx(other.p_value), other.better)
    samples = Samples(np.zeros(N), world.right[0, 0].astype(float), world.scores[0, 0], np.ones(N))
    assert [best_at_k(samples, k) for k in BUDGETS] == pytest.approx([world.ranked[0, 0] @ SHARES[k] for k in BUDGETS])


@pytest.mark.parametrize("mean", BETA)
@pytest.mark.parametrize(("problems", "seeds"), [(20, 1), (50, 1), (100, 1), (300, 1), (20, 4), (100, 4)])
def test_a_searcher_that_is_the_baseline_is_rarely_called_better_or_worse(mean: float, problems: int, seeds: int):
    """1,000 runs of 12 cells, 400 with four seeds: at most 3.5 % by themselves, any in 6 % of runs after adjustment."""
    rng = np.random.default_rng([round(100 * mean), problems])
    better, worse, any_better = np.zeros(len(BUDGETS)), np.zeros(len(BUDGETS)), 0
    runs = 1000 if seeds == 1 else 400
    for _ in range(runs):
        world = World(mean, problems, rng, seeds)
        every = []
        for place, k in enumerate(BUDGETS):
            base = world.baseline(k)
            alone = [compared(world.search(name, k), base) for name in SEARCHERS]
            better[place] += sum(one.verdict == "better" for one in alone)
            worse[place] += sum(one.verdict == "worse" for one in alone)
            every += alone
        any_better += any(one.verdict == "better" for one in adjusted(every))
    better, worse = better / (3 * runs), worse / (3 * runs)
    rates = f"better {better.round(3)}, worse {worse.round(3)}, any better of 12 {any_better / runs}"
    print(f"mean {mean}, P {problems}, seeds {seeds}: {rates}")
    assert max(*better, *worse) <= 0.035, "a standard error of 0.003 (0.005 with four seeds) at each budget"
    assert any_better <= 0.06 * runs


def test_a_gain_of_five_points_is_told_on_300_problems():
    """A single comparison, at each of four budgets, 1,000 runs each: in at least 60 % of them."""
    rng, told = np.random.default_rng(5), []
    drawn = rng.beta(*BETA[0.5], 100_000)
    for k in BUDGETS:
        truth = chance(k, drawn)
        tried = np.linspace(0.05, 0.3, 501)
        gains = np.array([np.minimum(truth + more, 1).mean() - truth.mean() for more in tried])
        more = float(np.interp(0.05, gains, tried))
        worlds = (World(0.5, 300, rng) for _ in range(1000))
        told.append(np.mean([compared(w.search("beam", k, more), w.baseline(k)).verdict == "better" for w in worlds]))
    print(f"power {np.round(told, 3)}")
    assert np.mean(told) >= 0.6


@pytest.mark.parametrize("seeds", [1, 4, 16])
@pytest.mark.parametrize("accuracy", [0.05, 0.5, 0.9])
def test_an_accuracys_interval_covers_it(accuracy: float, seeds: int):
    """4,000 runs of each size; the standard error is 0.004."""
    rng = np.random.default_rng([round(100 * accuracy), seeds])
    for problems in (20, 50, 100, 300):
        p = rng.beta(1.4 * accuracy, 1.4 * (1 - accuracy), (4000, problems))
        intervals = [accuracy_interval(row) for row in rng.binomial(seeds, p) / seeds]
        covered = np.mean([low <= accuracy <= high for low, high in intervals])
        print(f"accuracy {accuracy}, seeds {seeds}, P {problems}: coverage {covered:.3f}")
        assert covered >= 0.92
        assert all(low < high for low, high in intervals)


@pytest.mark.parametrize(("problems", "each"), [(50, 16), (200, 4)])
def test_the_interval_of_f1_covers_it(problems: int, each: int):
    """Solutions of one problem are right, and judged well, together: 300 runs, a standard error of 0.015."""
    rng = np.random.default_rng(7)
    erroneous, correct = 0.6, 0.8
    truth, covered = 2 * erroneous * correct / (erroneous + correct), 0
    for _ in range(300):
        right = rng.random((problems, each)) < rng.beta(0.5, 0.5, (problems, 1))
        found = rng.random((problems, each)) < rng.beta(1.2, 0.8, (problems, 1))
        passed = rng.random((problems, each)) < rng.beta(1.6, 0.4, (problems, 1))
        hit = np.where(right, passed, found).ravel()
        errors = FirstErrors(right.ravel(), hit, np.ones(problems * each, dtype=bool))
        low, high = f1_interval(errors, np.repeat(np.arange(problems), each).tolist())
        covered += low <= truth <= high
    print(f"{problems} problems of {each}: coverage {covered / 300:.3f}")
    assert covered >= 0.92 * 300
