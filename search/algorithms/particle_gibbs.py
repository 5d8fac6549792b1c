"""Particle Gibbs: a particle filter again and again, through which one solution of the time before is kept.

Conditional SMC of Andrieu, Doucet and Holenstein (2010, section 2.4.3), over steps as in arXiv 2502.01618.
"""

from dataclasses import dataclass
from itertools import count

import numpy as np

from search.algorithms.particles import Weighting, advance, note_population, shares, weigh
from search.algorithms.resampling import draw, normalise
from search.errors import check_knob
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Use, conversion


@dataclass(frozen=True)
class ParticleGibbs:
    """`iterations` particle filters of n particles, one of which retraces a solution that the one before has drawn.

    retained = none
    for each iteration:
        until all particles are finished or truncated:
            advance each open particle by one step; the first takes the retained solution's next, which costs nothing
            weigh, as the particle filter does
            resample: the first stays, the others are independent draws by the weights; then log w = 0
        retained = a particle of the last population, drawn by its weights
    The retained solutions are a Markov chain whose distribution approaches p(solution) exp(psi(s_last) / T) for any
    n >= 2, while a single filter's is off by about 1 / n; under `current` there is no such promise. The populations of
    all iterations vote, each with n times its normalised weights.

    For a distribution over answers that more iterations bring nearer to the exact one. For accuracy alone it did not
    pay here: 2 iterations of 8 are not above one filter of 16.
    """

    n: int = 8
    """particles of an iteration, the retained one included"""
    iterations: int = 4
    """particle filters, one after the other"""
    weighting: Weighting = Weighting.TELESCOPING
    """telescoping, or current: by the latest score alone"""
    temperature: float = 1.0
    """T: above one flattens the weights, below one sharpens them"""

    scale = "iterations"  # the knob that a list of budgets sets
    populations = True  # it notes populations, by whose shares the particle rule votes
    anytime = True  # its tree tells what fewer iterations would have found
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=2)
        check_knob(self, "iterations", least=1)
        check_knob(self, "temperature", above=0)

    async def search(self, grow: Grower) -> None:
        conversion(grow.kind, Use.PARTICLES)
        retained = list[Node]()
        for iteration in range(self.iterations):
            if iteration:
                grow.next_round()  # the electorates of rounds add up
            particles, log_weights = await self._sweep(grow, retained)
            chosen = draw(normalise(log_weights), 1, grow.rng("retain")).item()
            retained = particles[chosen].line()
            grow.note("retained", iteration=iteration, node=particles[chosen])

    async def _sweep(self, grow: Grower, retained: list[Node]) -> tuple[list[Node], Array]:
        """One particle filter, conditional on the retained solution where there is one: its last population."""
        particles, log_weights = [grow.root] * self.n, np.zeros(self.n)
        for step in count():
            kept = retained[step : step + 1] or retained[-1:]
            moved = [*kept, *await advance(grow, particles[len(kept) :])]
            log_weights = weigh(self.weighting, self.temperature, log_weights, particles, moved, grow.kind)
            particles = moved
            note_population(grow, step, particles, log_weights, None)
            grow.electorate(shares(particles, log_weights), whole=True)
            if not any(particle.open for particle in particles):
                break
            others = draw(normalise(log_weights), self.n - len(kept), grow.rng("resample", step))
            ancestors: list[int] = [*range(len(kept)), *others.tolist()]
            grow.note("resampling", step=step, ancestors=ancestors)
            particles, log_weights = [particles[a] for a in ancestors], np.zeros(self.n)
        return particles, log_weights
