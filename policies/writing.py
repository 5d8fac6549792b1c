"""A policy that a language model writes: the knobs and the method that all engines share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

from policies.engines.boundary import Boundary, Delimiter
from policies.engines.ends import Limits, most_tokens
from policies.engines.meter import Meter
from policies.engines.prompt import SYSTEM_PROMPT, encode_given, encode_question, with_sources
from policies.engines.prompts import Prompt, Prompts
from policies.engines.rows import Row, Sampling
from search.errors import KnobError, check_knob
from search.protocols import GO_ON, Ask, Extension
from search.tree import Node
from search.tree.cost import NOTHING, Cost


class Writer(Protocol):
    """An engine that writes; `context` is the most tokens that a prompt and its continuation may take together."""

    tokenizer: Any
    context: int
    meter: Meter

    async def write(self, rows: Sequence[Row]) -> None:
        """Fills in steps and cost of all rows.

        Cancelled, it returns once the rows have stopped; their cost counts as abandoned until the meter's `reclaim`.
        """
        ...

    def worst_case(self, prompt: int, tokens: int, max_steps: int | None) -> Cost:
        """The cost at most of one row that writes so many tokens behind a prompt of so many."""
        ...


@dataclass(frozen=True)
class Writing:
    """Any causal language model, from a local folder or the hub."""

    model: str = "tiny"
    """tiny (the shipped one), a folder, or a hub name"""
    adapter: str | None = None
    """a LoRA adapter on the model: a folder that peft saved, or a hub name"""
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
    ends_at_box: bool = True
    """a solution ends with the step that holds a complete \\boxed{}; false under another answer= than boxed"""

    hottest: ClassVar[float] = 10  # the highest temperature that the engine takes

    def __post_init__(self) -> None:
        check_knob(self, "temperature", least=0, most=self.hottest)
        check_knob(self, "top_p", above=0, most=1)
        check_knob(self, "top_k", least=0)
        _ = self.limits

    @property
    def limits(self) -> Limits:
        return Limits(self.max_steps, self.max_step_tokens, self.max_tokens, self.ends_at_box)

    @property
    def boundary(self) -> Boundary:
        """Where steps end; a subclass may have another rule."""
        return Delimiter(self.delimiter)

    @property
    def engine(self) -> Writer:
        raise NotImplementedError

    @cached_property
    def _prompts(self) -> Prompts:
        return Prompts()

    def start_loading(self) -> None:
        """Begins to load the model; an engine that starts by itself goes on in the background."""
        _ = self.engine

    def load(self) -> None:
        """Loads the model, which would otherwise happen at the first request."""
        _ = self.engine

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        """Raises KnobError where `ask` cannot be done, ValueError where question and path fill the context.

        Sources and hint follow the question in the user's message. Given tokens, and a longer message, are a part of
        the prompt and its cost; the log-probabilities of given tokens are 0.
        """
        check_knob(ask, "temperature", least=0, most=self.hottest)
        check_knob(ask, "max_tokens", least=1)
        prompt, given = self._prompt(node, ask)
        ids = (*prompt.ids, *given) if given else prompt.ids
        limits, sampling = self.limits, Sampling(self.temperature, self.top_p, self.top_k)
        if ask.max_tokens is not None:
            limits = replace(limits, max_tokens=min(limits.max_tokens, prompt.written + ask.max_tokens))
        if ask.temperature is not None:
            sampling = replace(sampling, temperature=ask.temperature)
        rows = [Row(ids, seed, sampling, limits, node.depth, prompt.written, max_steps, given) for seed in seeds]
        try:
            await self.engine.write(rows)
        except asyncio.CancelledError:
            raise self.engine.meter.reclaim(rows) from None
        costs = tuple((row.cost or NOTHING)._replace(calls=int(not place)) for place, row in enumerate(rows))
        return Extension(tuple(row.steps for row in rows), sum(costs, NOTHING), prompt.question, costs)

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        """What one continuation costs at most, if nothing of its prompt is in a cache."""
        prompt = self._path(node)
        room = self.engine.context - len(prompt.ids)
        tokens = most_tokens(self.limits, node.depth, prompt.written, room, max_steps)
        return self.engine.worst_case(len(prompt.ids), tokens, max_steps)._replace(calls=1)

    def _path(self, node: Node) -> Prompt:
        question, system = node.tree.question, self.system_prompt
        return self._prompts.of(node, lambda: encode_question(self.engine.tokenizer, question, system))

    def _prompt(self, node: Node, ask: Ask) -> tuple[Prompt, Sequence[int]]:
        """The prompt of a request, and the tokens that its continuations begin with.

        Raises KnobError or ValueError where they fill the context.
        """
        engine, prompt = self.engine, self._path(node)
        if len(prompt.ids) >= engine.context:
            raise ValueError(
                f"the question takes {prompt.question} tokens and its path {len(prompt.ids) - prompt.question}, "
                f"but the context of {self.model} holds {engine.context}: shorten the question"
            )
        if ask.hint or ask.sources:
            texts = [source.text() for source in ask.sources]
            if "" in texts:
                raise KnobError(f"Ask.sources[{texts.index('')}] is a node without text: name solutions")
            message = with_sources(node.tree.question, ask.hint, texts)
            question = encode_question(engine.tokenizer, message, self.system_prompt)
            ids = (*question, *prompt.ids[prompt.question :])
            prompt = Prompt(ids, len(question), prompt.written)
        given = encode_given(engine.tokenizer, ask.given) if ask.given else ()
        if len(prompt.ids) + len(given) >= engine.context:
            fields = ask._replace(action="", temperature=None, max_tokens=None).named()
            raise KnobError(
                f"with Ask's {fields} the prompt takes {len(prompt.ids) + len(given)} tokens, "
                f"but the context of {self.model} holds {engine.context}: give less of them"
            )
        return prompt, given
