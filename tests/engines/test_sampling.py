"""Gumbel-max with keyed noise: it samples the softmax, and a row's draw is a function of its own seed and position."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from policies.engines.rows import Sampling
from policies.engines.sampling import draw, gumbel
from search.tree.randomness import key

N = 50_000
LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -2.0, -3.0])
SEEDS = torch.tensor([key("sampling test", i) for i in range(N)])


def counts(sampling: Sampling, position: int = 0) -> np.ndarray:
    ids = draw(LOGITS.expand(N, -1), sampling, SEEDS, position)[0].long()
    return torch.bincount(ids, minlength=len(LOGITS)).numpy()


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    assert expected.min() > 20, "too few expected draws for the test to mean anything"
    return float(((observed - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("position", [0, 1, 300])
def test_draws_follow_the_softmax(temperature: float, position: int):
    """N = 50,000 draws over 8 tokens; 29.9 is exceeded once in 10,000 by chi-square with 7 degrees of freedom."""
    expected = N * torch.softmax(LOGITS / temperature, -1).numpy()
    assert chi_square(counts(Sampling(temperature), position), expected) < 29.9


@pytest.mark.parametrize(
    ("sampling", "kept"), [(Sampling(top_k=3), 3), (Sampling(top_p=0.8), 3), (Sampling(top_p=0.5), 1)]
)
def test_top_k_and_top_p_restrict_and_renormalise(sampling: Sampling, kept: int):
    """Probabilities are 0.53, 0.19, 0.12, 0.07, ...; 18.4 is the chi-square bound of 1 in 10,000 with 2 degrees."""
    observed, share = counts(sampling), torch.softmax(LOGITS[:kept], -1).numpy()
    assert observed[kept:].sum() == 0
    assert chi_square(observed[:kept], N * share) < 18.4


def test_logprob_and_entropy_are_the_raw_models_whatever_the_sampling():
    raw = torch.log_softmax(LOGITS, -1)
    for sampling in (Sampling(), Sampling(0.3, 0.7, 2), Sampling(0)):
        ids, logprobs, entropy = draw(LOGITS.expand(100, -1), sampling, SEEDS[:100], 0)
        assert torch.equal(logprobs, raw[ids.long()])
        assert entropy.tolist() == pytest.approx([-float((raw.exp() * raw).sum())] * 100, rel=1e-6)


def test_barred_tokens_are_never_drawn_and_the_rest_keeps_its_proportions():
    """N = 50,000; 25.7 is exceeded once in 10,000 with 5 degrees. Figures stay those of the raw model."""
    barred, raw = torch.tensor([0, 7]), torch.log_softmax(LOGITS, -1)
    ids, logprobs, _ = draw(LOGITS.expand(N, -1), Sampling(), SEEDS, 0, barred)
    observed = torch.bincount(ids.long(), minlength=8).numpy()
    assert observed[0] == observed[7] == 0
    assert chi_square(observed[1:7], N * torch.softmax(LOGITS[1:7], -1).numpy()) < 25.7
    assert torch.equal(logprobs, raw[ids.long()])
    for sampling, kept in ((Sampling(0), {1}), (Sampling(top_p=0.4), {1}), (Sampling(top_k=2), {1, 2})):
        ids = draw(LOGITS.expand(1000, -1), sampling, SEEDS[:1000], 0, barred)[0].long()
        assert set(ids.tolist()) == kept, "before top-k and top-p"


def test_temperature_zero_takes_the_most_likely_token():
    assert draw(LOGITS.flip(0).expand(5, -1), Sampling(0), SEEDS[:5], 0)[0].tolist() == [7.0] * 5


def test_a_rows_noise_depends_on_its_seed_and_position_alone():
    together = gumbel(SEEDS[:8], 5, 40)
    for row in range(8):
        assert torch.equal(gumbel(SEEDS[row : row + 1], 5, 40)[0], together[row])
    assert not torch.equal(gumbel(SEEDS[:8], 6, 40), together)


def test_noise_is_independent_across_seeds_positions_and_tokens():
    """Correlations of 50,000 pairs have a standard deviation of 0.0045; 5 of these are allowed."""
    noise = gumbel(SEEDS, 3, 2)
    pairs = [(noise[:, 0], noise[:, 1]), (noise[:-1, 0], noise[1:, 0]), (noise[:, 0], gumbel(SEEDS, 4, 2)[:, 0])]
    assert max(correlation(*pair) for pair in pairs) < 5 / math.sqrt(N)


def correlation(left: Tensor, right: Tensor) -> float:
    return abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1]))


def test_noise_is_standard_gumbel_far_into_its_tail():
    """A million values: mean 0.5772 and variance 1.6449 within 5 standard errors, and 45.4 expected above 10."""
    noise = gumbel(SEEDS[:1000], 0, 1000).flatten().double()
    assert torch.isfinite(noise).all()
    assert float(noise.mean()) == pytest.approx(0.57722, abs=5 * 1.2825 / 1000)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, abs=5 * 3.5 / 1000)
    assert 15 < int((noise > 10).sum()) < 80


def test_neighbouring_seeds_are_as_good_as_far_ones():
    """A user's own seeds may well be 0, 1, 2, ...; the bound of 29.9 is explained above."""
    ids = draw(LOGITS.expand(N, -1), Sampling(), torch.arange(N), 0)[0].long()
    expected = N * torch.softmax(LOGITS, -1).numpy()
    assert chi_square(torch.bincount(ids, minlength=8).numpy(), expected) < 29.9
