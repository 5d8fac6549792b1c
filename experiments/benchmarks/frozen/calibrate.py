"""How weak the weak PRM is, and the constants of its recalibration: python -m experiments.benchmarks.frozen.calibrate

Samples of the frozen policy on generated problems are labelled exactly. A logistic fit of the labels of all steps up to
each solution's first error on their noisy logits gives slope and offset.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.step_metrics import Judged, auc, up_to_first_error
from experiments.benchmarks.frozen.policy import Frozen
from experiments.benchmarks.frozen.scorer import Weak
from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from search import BestOfN, Job, Tree, solve_all

ROUNDS = 50  # of Newton's method, which needs about eight


@dataclass
class Knobs:
    """What the fit is made on."""

    problems: int = 200
    """generated problems of two and of four groups, as most of BIG-bench's"""
    n: int = 8
    """samples a problem"""
    noise: float = 8.0
    """standard deviation of the noise on the logit"""
    noise_seed: int = 0
    """seed of the noise"""
    seed: int = 1_000_003
    """seed of the problems and of the samples; training never uses it"""
    folder: str | None = None
    """where the tries are kept between runs"""


class Fit(NamedTuple):
    slope: float
    offset: float


def logistic(x: NDArray[np.float64], right: NDArray[np.bool_]) -> Fit:
    """Slope and offset of the most likely P(right) = sigmoid(slope x + offset), by Newton's method."""
    inputs = np.stack([x, np.ones_like(x)], 1)
    weights = np.zeros(2)
    for _ in range(ROUNDS):
        chance = 0.5 * (1 + np.tanh(inputs @ weights / 2))
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        weights += np.linalg.solve(curvature, inputs.T @ (right - chance))
    return Fit(float(weights[0]), float(weights[1]))


def judged(trees: Iterable[Tree], scorer: Weak) -> list[Judged]:
    """All solutions, with noisy logits in place of scores and exact labels."""
    solutions: list[Judged] = []
    for tree in trees:
        for leaf in tree.leaves():
            texts = [step.text for step in leaf.steps()]
            noisy = [
                scorer.noisy(node.score or 0.0, tree.question, texts[:depth])
                for depth, node in enumerate(leaf.line(), 1)
            ]
            solutions.append(Judged(noisy, arithmetic.labels(tree.question, texts)))
    return solutions


async def sampled(knobs: Knobs) -> list[Tree]:
    """A tree of the strong PRM's scores a problem."""
    policy, scorer = Frozen(folder=knobs.folder), Weak(folder=knobs.folder, noise=0)
    problems = arithmetic.problem_set(knobs.seed, knobs.problems, (2, 4))
    texts = [arithmetic.question(tree) for tree in problems]
    jobs = [Job(text, BestOfN(knobs.n), policy, scorer, seed=knobs.seed) for text in texts]
    return [solved.tree async for solved in solve_all(jobs, concurrency=64)]


def main() -> None:
    knobs = from_overrides(Knobs)
    trees = asyncio.run(sampled(knobs))
    strong = up_to_first_error(judged(trees, Weak(noise=0)))
    noisy = up_to_first_error(judged(trees, Weak(noise=knobs.noise, noise_seed=knobs.noise_seed)))
    fit = logistic(noisy.scores, noisy.right)
    print(f"{len(noisy.scores)} steps of {knobs.problems * knobs.n} solutions, {noisy.right.mean():.1%} of them right")
    print(f"step AUC: {auc(strong.scores, strong.right):.3f} without noise, {auc(noisy.scores, noisy.right):.3f} with")
    print(f"noise={knobs.noise:g} slope={fit.slope:.4f} offset={fit.offset:.4f}")


if __name__ == "__main__":
    main()
