"""The toy world: what it promises exactly, by brute force and by frequency."""

import math
from collections import Counter

import numpy as np
import pytest

from policies.engines.world import random_world
from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Ask, KnobError, Step, Tree
from search.tree.randomness import key
from search.tree.scores import logit
from tests.helpers import now
from tests.worlds import leaf, leaves, world

STEPS = [(Step("", (i,)), Step("", (j,))) for i in range(3) for j in range(3)]


@pytest.mark.parametrize("seed", range(3))
def test_a_value_is_the_probability_of_ending_right(seed: int) -> None:
    root = random_world(3, 4, seed)
    ends = leaves(root)
    assert len(ends) == 81 and math.fsum(p for _, p, _ in ends) == pytest.approx(1)
    assert root.value == pytest.approx(math.fsum(p * end.worth for _, p, end in ends)) and 0 < root.value < 1
    assert {end.text.endswith("\\boxed{1}") == (end.worth == 1) for _, _, end in ends} == {True}
    assert random_world(3, 4, seed) is root and random_world(3, 4, seed + 1) != root


def test_rounding_lifts_no_value_above_one() -> None:
    assert world(leaf(1, 1.0, 0.5), leaf(1, 1.0, 0.5 + 2**-52)).value == 1


def test_the_policy_samples_the_world() -> None:
    """Chi-square over the nine solutions of two steps: 4,000 samples, 8 degrees of freedom, p > 1e-5."""
    policy = Toy(branch=3, depth=2)
    seeds = [key("sample", i) for i in range(4_000)]
    extension = now(policy.extend(Tree("q").root, len(seeds), None, seeds))
    seen = Counter(tuple(step.token_ids[0] for step in steps) for steps in extension.continuations)
    expected = {path: p * len(seeds) for path, p, _ in leaves(policy.world)}
    assert sum(n > 5 for n in expected.values()) > 5
    assert sum((seen[path] - n) ** 2 / n for path, n in expected.items() if n > 0.5) < 38


def test_a_step_tells_its_probability_and_the_cost_counts_steps() -> None:
    policy = Toy(branch=3, depth=4)
    extension = now(policy.extend(Tree("q").root, 2, None, [1, 2]))
    for steps in extension.continuations:
        place = policy.world
        for step in steps:
            place = place.children[step.token_ids[0]]
            assert step.logprobs == pytest.approx((math.log(place.probability),)) and step.text == place.text
        assert [step.finished for step in steps] == [False, False, False, True]
    assert extension.cost == (8, 2, 0, 1, 10.0) and extension.question_tokens == 1


def test_it_can_enumerate() -> None:
    extension = now(Toy(branch=3, enumerates=True).extend(Tree("q").root, 5, 1, list(range(5))))
    assert [steps[0].token_ids for steps in extension.continuations] == [(0,), (1,), (2,), (0,), (1,)]


def test_the_scorer_is_exact() -> None:
    scorer = ToyScorer(branch=3, depth=4)
    for path, _, end in leaves(scorer.world)[::7]:
        steps = [Step("", (i,)) for i in path]
        scores = now(scorer.score("q", steps, 1)).scores
        values = [scorer.world.after(steps[:depth]).value for depth in range(2, 5)]
        assert scores == values and scores[-1] == end.worth


def test_the_noise_is_as_stated_and_belongs_to_the_path() -> None:
    """Deviations on the logit over 40 worlds of 12 steps: the stated spread within 10 % (480 draws), mean zero."""
    deviations: list[float] = []
    for seed in range(40):
        exact, noisy = (ToyScorer(3, 3, seed, error) for error in (0.0, 0.5))
        for steps in [*((first,) for first, _ in STEPS[::3]), *STEPS]:
            pair = [now(scorer.score("q", steps, len(steps) - 1)).scores[0] for scorer in (exact, noisy)]
            assert pair[1] == now(noisy.score("another", steps, 0)).scores[-1]
            if 0.01 < pair[0] < 0.99:
                deviations.append(float(np.diff(logit(np.array(pair)))[0]))
    assert len(deviations) > 300 and len(set(deviations)) == len(deviations)
    assert np.std(deviations) == pytest.approx(0.5, rel=0.1)
    assert abs(np.mean(deviations)) < 4 * 0.5 / math.sqrt(len(deviations))


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_policy_samples_at_the_temperature_that_is_asked_for(temperature: float) -> None:
    """Chi-square over three steps: 4,000 samples, 2 degrees of freedom, p > 1e-5."""
    policy = Toy(branch=3, depth=2)
    seeds = [key("sample", i) for i in range(4_000)]
    extension = now(policy.extend(Tree("q").root, len(seeds), 1, seeds, Ask(temperature=temperature)))
    seen = Counter(steps[0].token_ids[0] for steps in extension.continuations)
    shares = np.array([child.probability for child in policy.world.children]) ** (1 / temperature)
    expected = shares / shares.sum() * len(seeds)
    assert sum((seen[i] - n) ** 2 / n for i, n in enumerate(expected)) < 23
    as_it_is = np.array([child.probability for child in policy.world.children]) * len(seeds)
    assert sum((seen[i] - n) ** 2 / n for i, n in enumerate(as_it_is)) > 23


def test_at_temperature_zero_it_takes_the_most_probable_step() -> None:
    policy = Toy(branch=3, depth=4, enumerates=True)
    extension = now(policy.extend(Tree("q").root, 3, None, [1, 2, 3], Ask(temperature=0.0)))
    place, most = policy.world, list[int]()
    while place.children:
        most.append(int(np.argmax([child.probability for child in place.children])))
        place = place.children[most[-1]]
    assert [[step.token_ids[0] for step in steps] for steps in extension.continuations] == [most] * 3
    with pytest.raises(KnobError, match=r"Ask\.temperature is -1\.0; it must be >= 0 and <= 10"):
        now(policy.extend(Tree("q").root, 1, None, [1], Ask(temperature=-1.0)))
