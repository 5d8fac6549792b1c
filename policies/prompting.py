"""How a question becomes the prompt of a policy: instruction, wording, worked examples, arguments of the chat template.

A model with a chat template gets a conversation: the instruction, the worked examples as earlier turns, the question. A
model without one, and a base model that has one, gets a text to complete: the instruction, the worked examples, the
question.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from policies.engines.outside import MARK, as_text, encode
from policies.engines.prompt import SYSTEM_PROMPT, TOOLS_PROMPT, chat, with_instruction
from policies.shots import Shot
from search.errors import KnobError

COMPLETION = "Problem:\n{{ question }}\n\nSolution:\n"  # as Minerva's (arXiv 2206.14858, appendix D)
_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


class Instruction(Enum):
    """Which turn of a conversation holds the instruction."""

    SYSTEM = "system"
    USER = "user"


@dataclass(frozen=True, eq=False)
class Prompting:
    """Makes prompts. `wording` is a Jinja text with {{ question }}, and {{ instruction }} where it has a place for it.

    None is the question alone in a conversation, COMPLETION for a base model. `arguments` are the chat template's,
    which is used only where `chat` says so.
    """

    system_prompt: str
    instruction: Instruction = Instruction.SYSTEM
    wording: str | None = None
    shots: Sequence[Shot] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    chat: bool = True

    def template(self, tokenizer: Any) -> str | None:
        """The chat template that makes the prompt; None where the prompt is a text to complete."""
        return tokenizer.chat_template if self.chat else None

    def encode(self, tokenizer: Any, question: str) -> tuple[int, ...]:
        """Token ids of the prompt, up to where the solution begins; special tokens in question and shots are text.

        Raises ValueError where the prompt does not hold the question, KnobError where the chat template does not take
        the arguments.
        """
        return _encoded(self, tokenizer, self.template(tokenizer), question)

    def text(self, tokenizer: Any, question: str) -> str:
        """The prompt as text, without the tokens that the tokenizer puts before every text."""
        return self.marked(tokenizer, question).replace(MARK, "")

    def loss(self, tokenizer: Any, model: str) -> str | None:
        """What was meant for the prompt and is not in it, in words; None where nothing is lost."""
        if not self.drops_instruction(tokenizer):
            return None
        return (
            f"{model} is not sent the instruction {self.system_prompt!r}: its chat template has no place for it; "
            "policy.instruction=user sends it in the user's turn"
        )

    def drops_instruction(self, tokenizer: Any) -> bool:
        """Whether the prompt lacks the instruction. A base model's wording of one's own is all that it is sent."""
        if self.wording is not None and not self.template(tokenizer):
            return False
        return self.system_prompt.strip() not in self.text(tokenizer, "1 + 1 =")

    def marked(self, tokenizer: Any, question: str) -> str:
        """The prompt as text that `outside.encode` reads."""
        question = as_text(tokenizer, question)
        shots = [Shot(*(as_text(tokenizer, part) for part in shot)) for shot in self.shots]
        text = (self._conversation if self.template(tokenizer) else self._completion)(tokenizer, question, shots)
        if question.strip() not in text:
            raise ValueError("policy.prompt: the prompt does not hold the question as it is; correct it")
        return text

    def _conversation(self, tokenizer: Any, question: str, shots: Sequence[Shot]) -> str:
        _check_arguments(self.arguments, str(tokenizer.chat_template))
        wording = "{{ question }}" if self.wording is None else self.wording
        messages: list[Mapping[str, str]] = []
        for shot in shots:
            messages.append({"role": "user", "content": self._worded(wording, shot.problem)})
            messages.append({"role": "assistant", "content": shot.solution})
        messages.append({"role": "user", "content": self._worded(wording, question)})
        system_prompt = "" if "instruction" in _variables(wording) else self.system_prompt
        if system_prompt and self.instruction is Instruction.USER:
            messages, system_prompt = with_instruction(messages, system_prompt), ""
        return chat(tokenizer, messages, system_prompt, True, self.arguments)

    def _completion(self, tokenizer: Any, question: str, shots: Sequence[Shot]) -> str:
        self._check_completion()
        wording = self.wording
        text = f"{self.system_prompt}\n\n" if self.system_prompt and wording is None else ""
        wording = COMPLETION if wording is None else wording
        for problem, solution in shots:
            begun = self._worded(wording, problem)
            text += f"{begun}{'' if begun[-1:].isspace() else ' '}{solution.strip()}\n\n"
        return text + self._worded(wording, question)

    def _check_completion(self) -> None:
        """Raises KnobError for a knob that has no effect in a text to complete."""
        why = "the model has no chat template" if self.chat else "policy.chat=false leaves out the chat template"
        if self.arguments:
            raise KnobError(f"policy.template.{next(iter(self.arguments))}: {why}; leave it out")
        if self.instruction is Instruction.USER:
            raise KnobError(
                f"policy.instruction=user: {why}, so the instruction stands before the text to complete; leave it out, "
                "policy.instruction=system"
            )
        own = self.system_prompt not in ("", SYSTEM_PROMPT, TOOLS_PROMPT)
        if own and self.wording is not None and "instruction" not in _variables(self.wording):
            raise KnobError(
                f"policy.system_prompt: {why}, so policy.prompt is all that it is sent; put {{{{ instruction }}}} "
                "where it is to stand"
            )

    def _worded(self, wording: str, question: str) -> str:
        return _compiled(wording).render(question=question, instruction=self.system_prompt)


@lru_cache(maxsize=1024)
def _encoded(prompting: Prompting, tokenizer: Any, template: str | None, question: str) -> tuple[int, ...]:
    return tuple(encode(tokenizer, prompting.marked(tokenizer, question), special=not template))


def _check_arguments(arguments: Mapping[str, Any], template: str) -> None:
    """Raises KnobError where the chat template does not read one of its arguments."""
    for name in arguments:
        if not re.search(rf"\b{re.escape(name)}\b", template):
            near = difflib.get_close_matches(name, re.findall(r"[^\W\d]\w+", template), n=1, cutoff=0.8)
            hint = f". Did you mean {near[0]}?" if near else ""
            raise KnobError(f"policy.template.{name}: the model's chat template reads no such argument{hint}")


def read_wording(prompt: str) -> str:
    """The Jinja text that the knob `policy.prompt` gives: itself, or that of a file, less its last line break.

    Raises KnobError where it cannot be read, does not hold {{ question }}, or asks for anything but the instruction.
    """
    where, text = "policy.prompt", prompt
    if "{{" not in prompt:
        where = f"policy.prompt={prompt}"
        try:
            text = Path(prompt).expanduser().read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise KnobError(f"{where}: {reason}; give a file, or a text with {{{{ question }}}}") from error
    try:
        names = _variables(text)
        _compiled(text).render(question="", instruction="")
    except TemplateError as error:
        raise KnobError(f"{where}: {error}; write a Jinja text with {{{{ question }}}}") from error
    if "question" not in names or names - {"question", "instruction"}:
        raise KnobError(f"{where} must hold {{{{ question }}}}, may hold {{{{ instruction }}}}, and nothing else")
    return text


@lru_cache(maxsize=64)
def _compiled(wording: str) -> Template:
    return _JINJA.from_string(wording)


@lru_cache(maxsize=64)
def _variables(wording: str) -> frozenset[str]:
    return frozenset(find_undeclared_variables(_JINJA.parse(wording)))
