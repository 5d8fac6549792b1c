"""Recursive self-aggregation: a population of solutions, renewed from itself (Venkatraman et al., arXiv 2509.26626)."""

from dataclasses import dataclass

from search.algorithms.aggregates import draw, only_vote, solutions
from search.errors import check_knob
from search.grow import Grower
from search.protocols import GO_ON, Ask

PROMPT = (
    "Some of the solutions above may be wrong. Take what is right in them, mend what is wrong, and write one correct "
    "and complete solution."
)


@dataclass(frozen=True)
class RSA:
    """Solutions are written anew from several old ones, round after round.

    population = n solutions of the question
    for each of `rounds` rounds, while the population has a finished solution:
        population = n solutions, each of which is written from the question, k members of the population, drawn
                     without replacement, and `prompt`
    The last population votes, and nothing else. It needs a policy that can read several solutions and write a better
    one, and a context that holds k of them beside the question. The scorer selects nothing but the answer.
    """

    n: int = 16
    """solutions in the population"""
    k: int = 4
    """solutions that a new one is written from, as many as there are at most"""
    rounds: int = 3
    """times that the population is renewed; at 0 it is Best-of-N"""
    prompt: str = PROMPT
    """what the policy is told to do with the k solutions"""

    scale = "n"  # the knob that a list of budgets sets
    populations = False  # it notes none that the particle rule could weigh
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "n", least=1)
        check_knob(self, "k", least=1)
        check_knob(self, "rounds", least=0)

    async def search(self, grow: Grower) -> None:
        population = await solutions(grow, [GO_ON] * self.n)
        for number in range(self.rounds):
            if not population:
                return
            only_vote(grow, population)
            rng = grow.rng("aggregate", number)
            drawn = [draw(population, self.k, rng) for _ in range(self.n)]
            renewed = await solutions(grow, [Ask(action="aggregate", hint=self.prompt, sources=each) for each in drawn])
            population = renewed or population
        only_vote(grow, population)
