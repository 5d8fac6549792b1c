"""Entropic particle filter: flatter lots while few particles hold the weight (arXiv 2510.05825, entropic annealing)."""

from dataclasses import dataclass
from itertools import count

import numpy as np

from search.algorithms.particles import Weighting, advance, note_population, shares, weigh
from search.algorithms.resampling import RESAMPLERS, Scheme, effective_sample_size, log_mean, normalise
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Use, conversion


@dataclass(frozen=True)
class EntropicFilter:
    """A particle filter that resamples by flattened weights as long as it is early and few particles hold the weight.

    until all particles are finished or truncated:
        advance each open particle by one step; weigh, as the particle filter does
        A = (n / ESS) (1 - t / horizon) after step t where ESS / n < threshold, but at least 1; else 1
        resample by w^(1/A); a copy of particle i then has weight w_i^(1 - 1/A), times what keeps the mean weight
    The paper forgets the weights once it has resampled, which is `current`. Under `telescoping` they keep what the lots
    left out, so that the votes and the evidence estimate stay those of a particle filter. Look-ahead is not part of it.

    For a scorer that is sure of itself too early: at A = 1 a few high scores of first steps take all particles. It did
    not pay here: 16 particles are 2 points below a plain filter with threshold 0.5, and 4 below one with threshold 1.
    """

    n: int = 16
    """particles"""
    threshold: float = 0.5
    """the lots are flattened where ESS / n is below this; 0 is a plain filter that resamples at every step"""
    horizon: int = 16
    """steps over which flattening fades; the paper's is the most steps of a solution"""
    weighting: Weighting = Weighting.TELESCOPING
    """telescoping, or current: the paper's"""
    resampling: Scheme = Scheme.SYSTEMATIC
    """multinomial, residual, stratified or systematic"""
    temperature: float = 1.0
    """T of the weights: above one flattens them, below one sharpens them"""

    scale = "n"  # the knob that a list of budgets sets
    populations = True  # it notes populations, by whose shares the particle rule votes
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "threshold", least=0, most=1)
        check_knob(self, "horizon", least=1)
        check_knob(self, "temperature", above=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.PARTICLES)
        particles: list[Node] = [grow.root] * self.n
        log_weights, telescoping = np.zeros(self.n), self.weighting is Weighting.TELESCOPING
        grow.electorate({grow.root: self.n}, whole=True)
        for step in count():
            moved = await advance(grow, particles)
            log_weights = weigh(self.weighting, self.temperature, log_weights, particles, moved, grow.kind)
            particles = moved
            note_population(grow, step, particles, log_weights, log_mean(log_weights) if telescoping else None)
            grow.electorate(shares(particles, log_weights), whole=True)
            if not any(particle.open for particle in particles):
                return
            ess = effective_sample_size(log_weights)
            lots = log_weights / annealing(ess / self.n, step + 1, self.horizon, self.threshold)
            resample = RESAMPLERS[self.resampling]
            ancestors: list[int] = resample(normalise(lots), grow.rng("resample", step)).tolist()
            grow.note("resampling", step=step, ancestors=ancestors)
            particles = [particles[a] for a in ancestors]
            log_weights = left_over(log_weights, lots)[ancestors]


def annealing(share: float, steps: int, horizon: int, threshold: float) -> float:
    """A >= 1: (1 - steps / horizon) / share where `share`, ESS / n, is below the threshold."""
    return max(1.0, (1 - steps / horizon) / share) if share < threshold else 1.0


def left_over(log_weights: Array, lots: Array) -> Array:
    """[N]: log-weights of copies that were drawn by exp(lots); their mean weight is, in the mean, that of before."""
    return log_weights - lots + log_mean(lots)
