"""A policy whose every probability is known, for exact tests and dry runs without a model.

Taking a branch is one generated token, the question one prompt token, and a token one FLOP.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.engines.code_blocks import FENCE, output_block, programs
from policies.engines.sandbox.sandbox import Sandbox, Walls, in_turn
from policies.engines.tools import Tool, observed
from policies.engines.world import Place, random_world
from search.errors import KnobError, check_knob
from search.protocols import GO_ON, Ask, Extension
from search.tasks import together
from search.tree import Node
from search.tree.confidence import Window
from search.tree.cost import NOTHING, Cost
from search.tree.randomness import generator
from search.tree.step import End, Step


@dataclass(frozen=True)
class Toy:
    """Samples from a random world."""

    branch: int = 3
    """branches of every place"""
    depth: int = 4
    """steps of every solution"""
    world_seed: int = 0
    """which world"""
    enumerates: bool = False
    """whether the i-th continuation takes the i-th branch instead of a sample"""
    temperature: float = 1.0
    """of the branches' probabilities, where a request names none; 0 takes the first of the most probable"""
    tools: Tool = Tool.NONE
    """python: each step but a solution's last is a program that is run; its output is one token"""
    sandbox: Walls = Walls.NAMESPACES
    """where programs run; none: without walls"""

    def __post_init__(self) -> None:
        check_knob(self, "branch", least=1, most=10)
        check_knob(self, "depth", least=1, most=6)
        check_knob(self, "temperature", least=0, most=10)
        _ = Tool(self.tools), Walls(self.sandbox)

    @property
    def world(self) -> Place:
        return random_world(self.branch, self.depth, self.world_seed)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        """Raises KnobError for given text and for sources.

        A branch of probability p is taken in proportion to p^(1/temperature), at 0 the first of the most probable. An
        action and a hint change no probability; a hint is one more token of the prompt.
        """
        if ask.given or ask.sources:
            raise KnobError(f"the toy policy takes no request with {Ask(given=ask.given, sources=ask.sources).named()}")
        check_knob(ask, "temperature", least=0, most=10)
        place = self.world.after(node.steps())
        walks = [self._walk(place, i, max_steps, seed, ask) for i, seed in enumerate(seeds)]
        if self.tools == Tool.PYTHON:
            before = "".join(step.text for step in node.steps())
            walks = await together(*(self._run(before, steps) for steps in walks))
        prompt = self._prompt(node, ask)
        read = [prompt + sum(step.observed for step in steps[:-1]) for steps in walks]
        costs = tuple(self._cost(read[i], len(steps), i == 0) for i, steps in enumerate(walks))
        return Extension(tuple(walks), sum(costs, NOTHING), question_tokens=1, costs=costs)

    async def _run(self, before: str, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The steps, of which each that may go on is a program that prints its text, and its output."""
        new = list[Step]()
        for step in steps:
            if step.end is End.DELIMITER:
                text = f"{FENCE}python\nprint({step.text.strip()!r})\n{FENCE}"
                before += text
                outcome = await in_turn(Sandbox(self.sandbox).run, programs(before))
                output = output_block(text, outcome.output)
                step = observed(replace(step, text=text, end=End.CODE), [0], output)
                before += output
            new.append(step)
        return tuple(new)

    def worst_case(self, node: Node, max_steps: int | None, ask: Ask = GO_ON) -> Cost:
        """Of one continuation: as many steps as the longest way from here has."""
        longest = self.world.after(node.steps()).height
        steps = longest if max_steps is None else min(max_steps, longest)
        outputs = max(0, steps - 1) if self.tools == Tool.PYTHON else 0
        return self._cost(self._prompt(node, ask) + outputs, steps, True)

    @staticmethod
    def _prompt(node: Node, ask: Ask) -> int:
        """Tokens of question, path and hint."""
        return 1 + len(node.token_ids()) + bool(ask.hint)

    def _cost(self, prompt: int, steps: int, first: bool) -> Cost:
        return Cost(generated=steps, computed=prompt, calls=int(first), flops=float(prompt + steps))

    def _walk(self, place: Place, position: int, max_steps: int | None, seed: int, ask: Ask) -> tuple[Step, ...]:
        rng, temperature = generator(seed), self.temperature if ask.temperature is None else ask.temperature
        window, steps = Window(ask.floor.window) if ask.floor else None, list[Step]()
        while place.children and len(steps) != max_steps:
            shares = np.array([child.probability for child in place.children])
            if temperature not in (0, 1):
                shares = (shares / shares.max()) ** (1 / temperature)
            taken = int(rng.choice(len(shares), p=shares / shares.sum()) if temperature else shares.argmax())
            if self.enumerates and not steps and temperature:
                taken = position % len(shares)
            place = place.children[taken]
            end = End.DELIMITER if place.children else End.ANSWER
            if place.children and len(steps) + 1 == ask.max_tokens:
                end = End.MAX_TOKENS
            logprob = math.log(place.probability)
            sure = window and window.push(logprob)
            if ask.floor and sure is not None and sure < ask.floor.confidence and end is not End.ANSWER:
                end = End.UNSURE
            steps.append(Step(place.text, (taken,), (logprob,), end))
            if end in (End.MAX_TOKENS, End.UNSURE):
                break
        return tuple(steps)
