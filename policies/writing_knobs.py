"""The knobs of a policy that a language model writes, and the rules that they make."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from policies.engines.boundary import Boundary, Delimiter, Unsure
from policies.engines.ends import Limits
from policies.engines.prompt import SYSTEM_PROMPT, TOOLS_PROMPT
from policies.engines.sandbox.sandbox import Walls
from policies.engines.thinking import check_thinking
from policies.engines.tools import Tool
from policies.hints import Hints, read_hints
from policies.prompting import Instruction, Prompting, read_wording
from policies.shots import read_shots
from search.errors import check_knob


@dataclass(frozen=True)
class WritingKnobs:
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
    hints: str | None = None
    """worked examples as of `shots`, one of them fetched for each step, never the question's own (arXiv 2501.03226)"""
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
        _ = self.limits, self.prompting, self.examples, Tool(self.tools), Walls(self.sandbox)

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
    def examples(self) -> Hints | None:
        """The index of worked examples that hints are fetched from. Raises KnobError where it cannot be read."""
        return None if self.hints is None else read_hints(self.hints, self.delimiter)
