"""What the particle filters share: one step of all particles, their weights, and what is noted of them."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from search.algorithms.levels import known
from search.algorithms.resampling import effective_sample_size
from search.grow import Grower
from search.tree import Node
from search.tree.scores import Array, Kind, Use, conversion, normalise


class Weighting(StrEnum):
    TELESCOPING = "telescoping"
    CURRENT = "current"


async def advance(grow: Grower, particles: Sequence[Node], steps: int = 1) -> list[Node]:
    """Each open particle takes so many steps, or fewer to its end; the others stay where they are."""
    async with asyncio.TaskGroup() as group:
        tasks = {i: group.create_task(grow.extend(p, 1, steps)) for i, p in enumerate(particles) if p.open}
    return [tasks[i].result()[0] if i in tasks else particle for i, particle in enumerate(particles)]


def weigh(
    weighting: Weighting, temperature: float, log_weights: Array, before: list[Node], after: list[Node], kind: Kind
) -> Array:
    """[N]: the log-weights after a step from the nodes `before` to the nodes `after`.

    telescoping   log w + (psi(after) - psi(before)) / T, to which a finished particle adds 0
    current       psi(after) / T
    """
    now = potentials(after, kind) / temperature
    if weighting is Weighting.CURRENT:
        return now
    return log_weights + now - potentials(before, kind) / temperature


def potentials(nodes: list[Node], kind: Kind) -> Array:
    """psi of each node, [N]; 0 at the root. An additive scorer's is the sum of its path's increments."""
    psi = np.zeros(len(nodes))
    judged = [i for i, node in enumerate(nodes) if node.depth]
    if judged:
        scores = [_sum(nodes[i]) if kind is Kind.ADDITIVE else known(nodes[i].score, kind) for i in judged]
        psi[judged] = conversion(kind, Use.PARTICLES).convert(np.array(scores))
    return psi


def _sum(node: Node) -> float:
    return sum(above.score or 0.0 for above in node.line())


def note_population(
    grow: Grower, step: int, particles: list[Node], log_weights: Array, log_evidence: float | None
) -> None:
    grow.note(
        "population",
        step=step,
        nodes=particles,
        log_weights=log_weights.tolist(),
        ess=effective_sample_size(log_weights),
        log_evidence=log_evidence,
    )


def shares(particles: Sequence[Node], log_weights: Array) -> dict[Node, float]:
    """The votes of a population of N: each particle's normalised weight, N times, added up where particles are one."""
    votes: dict[Node, float] = {}
    for particle, weight in zip(particles, normalise(log_weights), strict=True):
        votes[particle] = votes.get(particle, 0.0) + len(particles) * float(weight)
    return votes
