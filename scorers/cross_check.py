"""A solution is confirmed by a program of its own: collaborative verification (arXiv 2410.05318)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.engines.code_blocks import programs
from policies.engines.prompt import encode_question
from policies.engines.sandbox.sandbox import Sandbox, Walls, in_turn
from scorers.written import as_read, write
from search.answers.boxes import boxed
from search.answers.equivalence import equivalent
from search.errors import KnobError, check_knob
from search.protocols import Scored
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.path import PathView
from search.tree.randomness import key
from search.tree.scores import Kind
from search.tree.step import Step

PROMPT = """Here is a problem and a solution of it.

Problem: {question}

Solution:
{solution}

Write a Python program that follows this solution and computes the answer itself, in one block that begins with
```python. It must print the answer alone, on its last line."""


@dataclass(frozen=True)
class CrossCheck:
    """What a finished solution's vote weighs: `doubt` where no program prints its answer, 1 where all do.

    The policy's own model writes the programs, from question and solution; they run in the sandbox. An answer is read
    from the last box. Chosen by `selection=weighted`, answers that programs agree with weigh more.
    """

    samples: int = 1
    """programs of a solution"""
    doubt: float = 0.2
    """what a solution weighs that no program confirms; 0 leaves it out, as the paper does"""
    temperature: float = 0.7
    """0 is greedy"""
    max_tokens: int = 1024
    """tokens of a reply with a program"""
    prompt: str = PROMPT
    """holds {question} and {solution}"""
    seconds: int = 5
    """processor time of a program; three times as much by the clock"""
    sandbox: Walls = Walls.NAMESPACES
    """where programs run; none: without walls, where Linux' namespaces cannot be had"""
    seed: int = 0
    """names the programs: the same seed, the same ones"""

    kind = Kind.OUTCOME
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "samples", least=1)
        check_knob(self, "doubt", least=0, most=1)
        check_knob(self, "temperature", least=0, most=2)
        check_knob(self, "max_tokens", least=1)
        check_knob(self, "seconds", least=1, most=3600)
        _ = self._sandbox
        if missing := [name for name in ("question", "solution") if f"{{{name}}}" not in self.prompt]:
            raise KnobError(f"scorer.prompt lacks {{{missing[0]}}}; it must hold {{question}} and {{solution}}")

    def start_loading(self) -> None:
        """Raises KnobError where there is no sandbox."""
        self._sandbox.check()

    @property
    def _sandbox(self) -> Sandbox:
        return Sandbox(self.sandbox, self.seconds)

    def with_policy(self, policy: Any) -> "Checking":
        """The scorer of a search with this policy. Raises KnobError where the policy has no model that it runs."""
        if not hasattr(type(policy), "engine"):
            raise KnobError(
                f"scorer=cross_check has the policy's own model write programs, and {type(policy).__name__} runs none; "
                "choose policy=hf or policy=vllm"
            )
        knobs = {name: getattr(self, name) for name in CrossCheck.__dataclass_fields__}
        return Checking(**knobs, policy=policy)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        raise KnobError("scorer=cross_check has the policy's own model write programs, and there is no policy here")


@dataclass(frozen=True)
class Checking(CrossCheck):
    """The check by a policy's model."""

    policy: Any = field(default=None, repr=False)

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Of the longest replies; None where the solution is not yet written."""
        if tokens:
            return None
        if not node.finished or node.birth is not None:
            return NOTHING
        prompt, writer = self._prompt(node.tree.question, PathView(node)), self.policy.engine
        most = max(min(self.max_tokens, writer.context - len(prompt)), 0)
        each = writer.worst_case(len(prompt), most, None)
        return as_read(sum([each] * self.samples, NOTHING))

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ValueError where the prompt leaves no room for a program, KnobError as the sandbox does."""
        writer, prompt = self.policy.engine, self._prompt(question, steps)
        if len(prompt) >= writer.context:
            raise ValueError(
                f"a solution to check takes {len(prompt)} tokens; {self.policy.model} holds {writer.context}"
            )
        text = "".join(step.text for step in steps)
        seeds = [key(self.seed, question, text, sample) for sample in range(self.samples)]
        written = await write(writer, prompt, seeds, self.temperature, self.max_tokens)
        try:
            agreeing = await in_turn(self._agreeing, boxed(text), written.texts)
        except BaseException:
            for row in written.rows:
                writer.meter.abandon(row)
            raise
        score = self.doubt + (1 - self.doubt) * agreeing / self.samples
        return Scored([score] * (len(steps) - since), written.cost, written.at_least)

    def _prompt(self, question: str, steps: Sequence[Step]) -> list[int]:
        values = {"question": question, "solution": "".join(step.text for step in steps).strip()}
        request = re.sub(r"\{(question|solution)\}", lambda match: values[match[1]], self.prompt)
        return list(encode_question(self.policy.engine.tokenizer, request, ""))

    def _agreeing(self, answer: str | None, texts: Sequence[str]) -> int:
        """How many of the replies have a program that prints the answer on its last line."""
        return sum(answer is not None and self._prints(text, answer) for text in texts)

    def _prints(self, text: str, answer: str) -> bool:
        blocks = programs(text if text.rstrip().endswith("```") else f"{text}\n```")
        outcome = self._sandbox.run(blocks) if blocks else None
        if outcome is None or not outcome.fine or not outcome.output.strip():
            return False
        return equivalent(outcome.output.strip().splitlines()[-1], answer)
