"""Particle filter over steps: sample from the posterior instead of maximising the score (arXiv 2502.01618)."""

from dataclasses import dataclass
from itertools import count

import numpy as np

from search.algorithms.particles import Weighting, advance, note_population, shares, weigh
from search.algorithms.resampling import RESAMPLERS, Scheme, effective_sample_size, log_mean, normalise
from search.errors import KnobError, check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Use, conversion


@dataclass(frozen=True)
class ParticleFilter:
    """n particles, each a node with a log-weight; psi is the potential of a score (the logit of a probability).

    until all particles are finished or truncated:
        advance each open particle by `every` steps
        weigh:     telescoping  log w += (psi(s_t) - psi(s_{t-1})) / T, psi(s_0) = 0; a finished particle adds 0
                   current      log w  =  psi(s_t) / T, of the latest score; a finished particle keeps its own
        resample where ESS / n <= threshold; then log w = 0
    Finished particles absorb and still compete. Under `telescoping` the product of the mean weights estimates, without
    bias, the evidence E_policy[exp(psi(s_last) / T)], at any `every`; under `current` (the paper's) there is none.
    Every population is noted before its resampling, so that answers use the weights it would otherwise lose; a particle
    votes with n times its normalised weight.
    """

    n: int = 16
    """particles"""
    weighting: Weighting = Weighting.TELESCOPING
    """telescoping, or current: the paper's, which must resample at every step"""
    resampling: Scheme = Scheme.SYSTEMATIC
    """multinomial, residual, stratified or systematic"""
    threshold: float = 1.0
    """resample where ESS / n is at most this: 1 is every step; at 0.5, dead paths may take up half of the particles"""
    temperature: float = 1.0
    """T: above one flattens the weights, below one sharpens them"""
    every: int = 1
    """g: steps of a particle between two weighings, which the scorer reads in one request (arXiv 2505.11730)"""

    scale = "n"  # the knob that a list of budgets sets
    populations = True  # it notes populations, by whose shares the particle rule votes
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "threshold", least=0, most=1)
        check_knob(self, "temperature", above=0)
        check_knob(self, "every", least=1)
        if self.weighting is Weighting.CURRENT and self.threshold != 1:
            raise KnobError(f"ParticleFilter.threshold is {self.threshold}; under weighting=current it must be 1")

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.PARTICLES)
        particles: list[Node] = [grow.root] * self.n
        log_weights, log_evidence = np.zeros(self.n), 0.0
        grow.electorate({grow.root: self.n}, whole=True)
        for step in count():
            moved = await advance(grow, particles, self.every)
            log_weights = weigh(self.weighting, self.temperature, log_weights, particles, moved, grow.kind)
            particles = moved
            self._note(grow, step, particles, log_weights, log_evidence)
            if not any(particle.open for particle in particles):
                return
            if effective_sample_size(log_weights) <= self.threshold * self.n:
                resample = RESAMPLERS[self.resampling]
                ancestors: list[int] = resample(normalise(log_weights), grow.rng("resample", step)).tolist()
                grow.note("resampling", step=step, ancestors=ancestors)
                log_evidence += log_mean(log_weights)
                particles, log_weights = [particles[a] for a in ancestors], np.zeros(self.n)

    def _note(self, grow: Grower, step: int, particles: list[Node], log_weights: Array, log_evidence: float) -> None:
        evidence = log_evidence + log_mean(log_weights) if self.weighting is Weighting.TELESCOPING else None
        note_population(grow, step, particles, log_weights, evidence)
        grow.electorate(shares(particles, log_weights), whole=True)
