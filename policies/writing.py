"""A policy that a language model writes: the knobs and the method that all engines share."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast

from policies.asked import check_path, check_room, with_message
from policies.engines import forcing
from policies.engines.boundary import Boundary, Delimiter, Unsure
from policies.engines.ends import Limits, most_tokens
from policies.engines.models import SHIPPED
from policies.engines.prompt import SYSTEM_PROMPT, TOOLS_PROMPT, encode_given
from policies.engines.prompts import Prompt, Prompts
from policies.engines.rows import Row, Sampling
from policies.engines.sandbox.sandbox import Sandbox, Walls
from policies.engines.thinking import Stage, Thinking, check_thinking, stage_after, tags_of
from policies.engines.tools import SHOWN, Tool, Tools
from policies.engines.writer import Writer
from policies.presets import preset
from policies.prompting import Instruction, Prompting, read_wording
from policies.shots import read_shots
from search.errors import check_knob
from search.protocols import ANSWER, GO_ON, Ask, Extension
from search.tree import Node
from search.tree.cost import NOTHING, Cost


@dataclass(frozen=True)
class Writing:
    """Any causal language model, from a local folder or the hub."""

    model: str = "tiny"
    """tiny and tiny-thinking (the shipped ones), a folder, or a hub name"""
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
    """generated tokens of a solution, its thought not counted"""
    thinking: str = "auto"
    """the two tags around what a model thinks before it answers, with a space between; none; auto: those it knows"""
    max_thinking_tokens: int = 16_384
    """generated tokens of a thought, which is closed there, or earlier where the context needs room for the answer"""
    thinking_steps: str = "one"
    """a thought is one step, or has steps that end at the delimiter, or after a number of tokens"""
    wait: int = 0
    """how often a policy must go on that would stop its thought, or a solution without one (s1, arXiv 2501.19393)"""
    wait_text: str = "Wait"
    """the text with which it goes on"""
    tools: Tool = Tool.NONE
    """python: programs of the model are run, and it reads what they print (Qwen2.5-Math, arXiv 2409.12122)"""
    tool_seconds: int = 5
    """processor time of a program, with all before it on its path; three times as much by the clock"""
    sandbox: Walls = Walls.NAMESPACES
    """where programs run; none: without walls, where Linux' namespaces cannot be had"""
    delimiter: str = "\n\n"
    """ends a step"""
    step_confidence: float | None = None
    """in place of the delimiter: a step ends with a token of a probability below this (AdaptiveStep, 2502.13943)"""
    system_prompt: str = SYSTEM_PROMPT
    """the instruction; dropped, with a word, by chat templates that have no place for it; with tools their own"""
    chat: bool = True
    """the prompt is a conversation in the model's chat template, where it has one; false: a text to complete"""
    instruction: Instruction = Instruction.SYSTEM
    """of a chat template. system: a message of its own; user: at the beginning of the user's first message"""
    prompt: str | None = None
    """the user's message, or all that a base model gets: a Jinja text with {{ question }}, or a file of one"""
    shots: str | None = None
    """worked examples, shown before the question: a file of JSON lines, each with problem and solution"""
    template: dict[str, Any] = field(default_factory=dict)
    """arguments of the chat template, policy.template.enable_thinking=false"""
    ends_at_box: bool = True
    """a solution ends with the step that has a \\boxed{} with an answer; false under another answer= than boxed"""
    stop: list[str] = field(default_factory=list[str])
    """texts, or special tokens, that end a solution, as the model's own end tokens do"""
    logprobs: bool = True
    """keep the tokens' log-probabilities where something reads them, as scorer=self or a saved tree; false: never"""

    hottest: ClassVar[float] = 10  # the highest temperature that the engine takes

    def __post_init__(self) -> None:
        check_knob(self, "temperature", least=0, most=self.hottest)
        check_knob(self, "top_p", above=0, most=1)
        check_knob(self, "top_k", least=0)
        check_knob(self, "max_thinking_tokens", least=1)
        check_knob(self, "wait", least=0)
        check_knob(self, "tool_seconds", least=1, most=3600)
        check_knob(self, "step_confidence", above=0, most=1)
        check_thinking(self.thinking, self.thinking_steps)
        _ = self.limits, self.prompting, Tool(self.tools), Walls(self.sandbox)

    @classmethod
    def preset(cls, model: str, **knobs: Any) -> Self:
        """The model with the knobs of `policies.presets`, where its name is known, but for those given."""
        known = preset(model)
        return cls(**{"model": model, **(known.knobs_with(knobs.get("template", {})) if known else {}), **knobs})

    @property
    def limits(self) -> Limits:
        return Limits(self.max_steps, self.max_step_tokens, self.max_tokens, self.ends_at_box, tuple(self.stop))

    @property
    def boundary(self) -> Boundary:
        """Where steps end; a subclass may have another rule."""
        return Delimiter(self.delimiter) if self.step_confidence is None else Unsure(self.step_confidence)

    @cached_property
    def prompting(self) -> Prompting:
        """How a question becomes a prompt. Raises KnobError where a file of it cannot be read."""
        wording = None if self.prompt is None else read_wording(self.prompt)
        shots = () if self.shots is None else read_shots(self.shots)
        default = self.tools == Tool.PYTHON and self.system_prompt == SYSTEM_PROMPT
        system_prompt = TOOLS_PROMPT if default else self.system_prompt
        return Prompting(system_prompt, self.instruction, wording, shots, self.template, self.chat)

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

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        """What one continuation costs at most if nothing of its prompt is cached; with tools, what it writes alone."""
        prompt = self._path(node)
        read = len(prompt.ids) + (len(self._wait_ids) if forcing.waited(node.step) else 0)
        room = self.engine.context - read
        thinks = self.thoughts is not None and self._stage(node) is not Stage.OVER
        thought = max(0, self.max_thinking_tokens - prompt.thought) if thinks else 0
        tokens = most_tokens(self.limits, node.depth - node.thoughts, prompt.written, room, max_steps, thought)
        if self._running:
            return Cost(*cast(tuple[int, int, int], (tokens, None, None)), flops=None)
        waits = forcing.left(self.wait, node) if max_steps is None or max_steps > 1 else 0
        return forcing.worst_case(self.engine, read, tokens, max_steps, thought > 0, waits, self._wait_ids)

    @cached_property
    def _wait_ids(self) -> tuple[int, ...]:
        return encode_given(self.tokenizer, self.wait_text, "wait_text") if self.wait else ()

    @cached_property
    def _running(self) -> Tools | None:
        """What runs the model's programs."""
        sandbox = Sandbox(self.sandbox, self.tool_seconds, output=SHOWN)
        return Tools(sandbox, self.engine.tokenizer, self.engine.context) if self.tools == Tool.PYTHON else None

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

    def _prompt(self, node: Node, ask: Ask) -> tuple[Prompt, Sequence[int]]:
        """The prompt of a request, and the tokens that its continuations begin with.

        Raises KnobError or ValueError where they fill the context.
        """
        engine, prompt = self.engine, self._path(node)
        check_path(prompt, self.model, engine.context)
        prompt = with_message(self.prompting, engine.tokenizer, node, prompt, ask)
        given = encode_given(engine.tokenizer, ask.given) if ask.given else ()
        if ask.action == ANSWER and self.thoughts and self._stage(node) is Stage.WITHIN:
            given = (*self.thoughts.closing, *given)
        elif forcing.waited(node.step):
            given = (*self._wait_ids, *given)
        check_room(len(prompt.ids) + len(given), ask, self.model, engine.context)
        return prompt, given
