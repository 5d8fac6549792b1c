"""A policy that a language model writes: the knobs and the method that all engines share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policies.engines.ends import Limits
from policies.engines.meter import Meter
from policies.engines.prompt import SYSTEM_PROMPT, encode_question
from policies.engines.rows import Row, Sampling
from search.errors import check_knob
from search.protocols import Extension
from search.tree import Node
from search.tree.cost import NOTHING


class Writer(Protocol):
    """An engine that writes; `context` is the most tokens that a prompt and its continuation may take together."""

    tokenizer: Any
    context: int
    meter: Meter

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows. A cancelled write stops at the next token."""
        ...


@dataclass(frozen=True)
class Writing:
    """Any causal language model, from a local folder or the hub."""

    model: str = "tiny"
    """tiny (the shipped one), a folder, or a hub name"""
    temperature: float = 1.0
    """0 is greedy"""
    top_p: float = 1.0
    """nucleus; 1 is off"""
    top_k: int = 0
    """most likely tokens; 0 is off"""
    max_steps: int = 40
    """steps of a solution"""
    max_step_tokens: int = 512
    """tokens of a step; a longer one is cut there and may go on"""
    max_tokens: int = 2048
    """generated tokens of a solution"""
    delimiter: str = "\n\n"
    """ends a step"""
    system_prompt: str = SYSTEM_PROMPT
    """dropped by chat templates that have none"""

    def __post_init__(self) -> None:
        check_knob(self, "temperature", least=0, most=10)
        check_knob(self, "top_p", above=0, most=1)
        check_knob(self, "top_k", least=0)
        _ = self.limits

    @property
    def limits(self) -> Limits:
        return Limits(self.max_steps, self.max_step_tokens, self.max_tokens)

    @property
    def engine(self) -> Writer:
        raise NotImplementedError

    def load(self) -> None:
        """Loads the model, which would otherwise happen at the first request."""
        _ = self.engine

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        """Raises ValueError where question and path fill the context."""
        question = encode_question(self.engine.tokenizer, node.tree.question, self.system_prompt)
        path = node.token_ids()
        if len(question) + len(path) >= self.engine.context:
            raise ValueError(
                f"the question takes {len(question)} tokens and its path {len(path)}, "
                f"but the context of {self.model} holds {self.engine.context}: shorten the question"
            )
        sampling = Sampling(self.temperature, self.top_p, self.top_k)
        rows = [Row(question + path, seed, sampling, self.limits, node.depth, len(path), max_steps) for seed in seeds]
        await self.engine.write(rows)
        cost = sum((row.cost or NOTHING for row in rows), NOTHING)
        return Extension(tuple(row.steps for row in rows), cost._replace(calls=1), len(question))
