"""A policy that a language model writes: the method that all engines share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self, cast

from policies.asking import check_asked, check_path, with_asked
from policies.engines import forcing
from policies.engines.ends import most_tokens
from policies.engines.models import SHIPPED
from policies.engines.prompt import encode_given
from policies.engines.prompts import Prompt, Prompts
from policies.engines.rows import Row, Sampling
from policies.engines.sandbox.sandbox import Sandbox
from policies.engines.thinking import Stage, Thinking, stage_after, tags_of
from policies.engines.tools import SHOWN, Tool, Tools
from policies.engines.writer import Writer
from policies.presets import preset
from policies.writing_knobs import WritingKnobs
from search.errors import check_knob
from search.protocols import ANSWER, GO_ON, Ask, Extension
from search.tree import Node
from search.tree.cost import NOTHING, Cost


@dataclass(frozen=True)
class Writing(WritingKnobs):
    """Any causal language model, from a local folder or the hub."""

    @classmethod
    def preset(cls, model: str, **knobs: Any) -> Self:
        """The model with the knobs of `policies.presets`, where its name is known, but for those given."""
        known = preset(model)
        return cls(**{"model": model, **(known.knobs_with(knobs.get("template", {})) if known else {}), **knobs})

    @cached_property
    def thoughts(self) -> Thinking | None:
        """How the model thinks before it answers; None where it does not."""
        tags = tags_of(self.thinking, self.tokenizer)
        return tags and Thinking.of(tags, self.max_thinking_tokens, self.thinking_steps, self.tokenizer)

    @property
    def engine(self) -> Writer:
        raise NotImplementedError

    @cached_property
    def _prompts(self) -> Prompts:
        return Prompts()

    def start_loading(self) -> None:
        """Begins to load the model; an engine that starts by itself goes on in the background.

        Raises KnobError and ValueError first where a question cannot become a prompt or programs cannot be run.
        """
        if self.tools == Tool.PYTHON:
            Sandbox(self.sandbox).check()
        self.prompting.encode(self.tokenizer, "1 + 1 =")
        _ = self.engine

    def load(self) -> None:
        """Loads the model, which would otherwise happen at the first request."""
        _ = self.engine, self.thoughts, self._wait_ids

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, for which no weights are loaded."""
        from policies.engines.hf import load_tokenizer

        return load_tokenizer(self.model)

    def notice(self) -> str | None:
        """What a user should know before the model writes, a line each."""
        known = preset(self.model)
        return "\n".join(filter(None, [known.note(self) if known else None, self.prompt_loss()])) or None

    def prompt_loss(self) -> str | None:
        """What was meant for the prompt and is not in it, in words; None where nothing is lost.

        The shipped models were trained without an instruction.
        """
        return None if self.model in SHIPPED else self.prompting.loss(self.tokenizer, self.model)

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        """Raises KnobError where `ask` cannot be done, ValueError where question and path fill the context.

        The action `answer` closes the thought, where the path is within one; others have no effect here.
        Sources and hint follow the question in the user's message. Given tokens, and a longer message, are a part of
        the prompt and its cost; the log-probabilities of given tokens are 0.
        """
        check_knob(ask, "temperature", least=0, most=self.hottest)
        check_knob(ask, "max_tokens", least=1)
        ask = self._hinted(node, max_steps, ask)
        prompt, given = self._prompt(node, ask)
        ids = (*prompt.ids, *given) if given else prompt.ids
        waits = {"waits": forcing.left(self.wait, node), "wait_room": len(self._wait_ids)}
        limits = replace(self.limits, most=ask.max_tokens, floor=ask.floor, **waits)
        temperature = self.temperature if ask.temperature is None else ask.temperature
        sampling = Sampling(temperature, self.top_p, self.top_k)
        path = node.depth - node.thoughts, prompt.written, max_steps, given, node.text() if limits.stop else ""
        thought = self.thoughts, self._stage(node), prompt.thought
        text = self._running and "".join(step.text for step in node.steps())
        rows = [Row(ids, seed, sampling, limits, *path, *thought, self.logprobs, text) for seed in seeds]
        forced = await forcing.write(self.engine, rows, self._wait_ids, self._running)
        costs = tuple(each.cost._replace(calls=int(not place)) for place, each in enumerate(forced))
        written = tuple(each.steps if self.logprobs else each.bare_steps for each in forced)
        at_least = any(row.at_least for each in forced for row in each.rows)
        return Extension(written, sum(costs, NOTHING), prompt.question, costs, at_least)

    def worst_case(self, node: Node, max_steps: int | None, ask: Ask = GO_ON) -> Cost:
        """What one continuation costs at most if nothing of its prompt is cached; with tools, what it writes alone."""
        prompt = self._asked(node, self._hinted(node, max_steps, ask))
        read = len(prompt.ids) + (len(self._wait_ids) if forcing.waited(node.step) else 0)
        tokens, thought = self._most(node, prompt, self.engine.context - read, max_steps)
        if self._running:
            return Cost(*cast(tuple[int, int, int], (tokens, None, None)), flops=None)
        waits = forcing.left(self.wait, node) if max_steps is None or max_steps > 1 else 0
        return forcing.worst_case(self.engine, read, tokens, max_steps, thought > 0, waits, self._wait_ids)

    def _most(self, node: Node, prompt: Prompt, room: int, max_steps: int | None) -> tuple[int, int]:
        """The most tokens of one continuation in so much room, and of a thought in it."""
        thought = 0
        if self.thoughts and self._stage(node) is not Stage.OVER:
            thought = max(0, self.max_thinking_tokens - prompt.thought)
        steps = node.depth - node.thoughts
        return most_tokens(self.limits, steps, prompt.written, room, max_steps, thought), thought

    def _hinted(self, node: Node, max_steps: int | None, ask: Ask) -> Ask:
        """The request with the example for its first step, where there is room.

        It leaves as much as the continuation may take, or half of what there was.
        """
        if self.examples is None or ask.sources:
            return ask
        if not (hint := self.examples.fetch(node.tree.question, node.step.text if node.step else "")):
            return ask
        hinted = ask._replace(hint="\n\n".join(filter(None, [hint, ask.hint])))
        bare = self._asked(node, ask)
        context = self.engine.context - (len(encode_given(self.engine.tokenizer, ask.given)) if ask.given else 0)
        wanted, _ = self._most(node, bare, (context - len(bare.ids)) // 2, max_steps)
        return hinted if context - len(self._asked(node, hinted).ids) >= wanted else ask

    @cached_property
    def _wait_ids(self) -> tuple[int, ...]:
        return encode_given(self.tokenizer, self.wait_text, "wait_text") if self.wait else ()

    @cached_property
    def _running(self) -> Tools | None:
        """What runs the model's programs."""
        sandbox = Sandbox(self.sandbox, self.tool_seconds, output=SHOWN)
        return Tools(sandbox, self.engine.tokenizer, self.engine.context) if self.tools == Tool.PYTHON else None

    def has_room(self, node: Node) -> bool:
        """Whether the context holds the path and another token."""
        return len(self._path(node).ids) < self.engine.context

    def _stage(self, node: Node) -> Stage:
        """Where the path stands in its thought."""
        if self.thoughts is None:
            return Stage.OVER
        if node.step is not None:
            return stage_after(node.step)
        return self.thoughts.stage_of(self.engine.tokenizer, self._path(node).ids)

    def _path(self, node: Node) -> Prompt:
        question = node.tree.question
        return self._prompts.of(node, lambda: self.prompting.encode(self.engine.tokenizer, question))

    def _asked(self, node: Node, ask: Ask) -> Prompt:
        """The path's prompt with what the request puts behind the question."""
        encode = partial(self.prompting.encode, self.engine.tokenizer)
        return with_asked(self._path(node), node.tree.question, ask, encode)

    def _prompt(self, node: Node, ask: Ask) -> tuple[Prompt, Sequence[int]]:
        """The prompt of a request, and the tokens that its continuations begin with.

        Raises KnobError or ValueError where they fill the context.
        """
        engine, prompt = self.engine, self._path(node)
        check_path(prompt, engine.context, self.model)
        prompt = self._asked(node, ask)
        given = encode_given(engine.tokenizer, ask.given) if ask.given else ()
        if ask.action == ANSWER and self.thoughts and self._stage(node) is Stage.WITHIN:
            given = (*self.thoughts.closing, *given)
        elif forcing.waited(node.step):
            given = (*self._wait_ids, *given)
        check_asked(len(prompt.ids) + len(given), ask, engine.context, self.model)
        return prompt, given
