"""Published models by name: the knobs with which their authors, in model card or report, run them.

They are defaults: a knob that is given wins. A name is compared by its last part, in any case, so that a local copy and
a quantised one (Qwen3-8B-AWQ) are known too.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from policies.prompting import Instruction

_HUB = "https://huggingface.co/"


@dataclass(frozen=True)
class Preset:
    """The knobs of a family; `silent` are those with the template's enable_thinking=false. `source` says where from."""

    family: str
    source: str
    knobs: Mapping[str, Any]
    silent: Mapping[str, Any] = field(default_factory=dict)

    def knobs_with(self, template: Mapping[str, Any]) -> Mapping[str, Any]:
        """The knobs under these arguments of the chat template."""
        return self.silent if self.silent and template.get("enable_thinking") is False else self.knobs

    def note(self, policy: Any) -> str | None:
        """Which of its knobs a policy has, in the words of a command line; None where it has none."""
        knobs = [(k, v) for k, v in self.knobs_with(policy.template).items() if getattr(policy, k) == v]
        return f"{policy.model} runs as {self.family} by its name: {typed(knobs)} ({self.source})" if knobs else None


def typed(knobs: Iterable[tuple[str, Any]]) -> str:
    """A policy's knobs as they are typed on a command line."""
    return " ".join(f"policy.{name}={_typed(value)}" for name, value in knobs)


def _typed(value: Any) -> str:
    """The value as it is typed on a command line."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, bool):
        return str(value).lower()
    text = "[" + ",".join(map(json.dumps, value)) + "]" if isinstance(value, list) else str(value)
    return text if re.fullmatch(r"[\w.]+", text) else shlex.quote(text)


def _drawn(temperature: float, top_p: float = 1.0, top_k: int = 0) -> dict[str, Any]:
    knobs = {"top_p": top_p} if top_p < 1 else {}
    return {"temperature": temperature, **knobs, **({"top_k": top_k} if top_k else {})}


_USER = {"instruction": Instruction.USER}
_THINK = {"thinking": "<think> </think>"}
_OUTPUT = {"max_thinking_tokens": 30_720}  # with the 2,048 of an answer, the 32,768 that the cards give an output
_LONG = {"max_tokens": 8_192, "max_steps": 200}  # ours: a solution without a thought, in the prose of thinking models
_QWEN = _drawn(0.7, 0.8, 20)
_QWEN_THINKS = {**_USER, **_drawn(0.6, 0.95, 20), **_THINK, **_OUTPUT}
_QWEN_SILENT = {**_USER, **_QWEN, "thinking": "none", **_LONG}
_BASE = {**_drawn(0.6, 0.95), "chat": False, "stop": ["\n\nProblem:"]}  # what a base model writes on with

PRESETS: Mapping[str, Preset] = {
    # The card decodes greedily, context 4,096; maj@8 and RM@8 of its repository's README are drawn like this.
    r"qwen2\.5-math-[\d.]+b-instruct": Preset(
        "Qwen2.5-Math-Instruct", "https://github.com/QwenLM/Qwen2.5-Math", _drawn(0.7, 0.8)
    ),
    # generation_config.json; its system message stays its own. repetition_penalty is left out: it marks down digits.
    r"qwen2\.5-[\d.]+b-instruct": Preset(
        "Qwen2.5-Instruct", _HUB + "Qwen/Qwen2.5-7B-Instruct", {**_USER, **_drawn(0.7, 0.8, 20)}
    ),
    # "Best Practices" of the cards
    r"qwen3-.+-instruct-2507": Preset("Qwen3-Instruct-2507", _HUB + "Qwen/Qwen3-4B-Instruct-2507", _QWEN_SILENT),
    r"qwen3-.+-thinking-2507": Preset("Qwen3-Thinking-2507", _HUB + "Qwen/Qwen3-4B-Thinking-2507", _QWEN_THINKS),
    r"qwen3-[\d.]+b(?!.*base)": Preset("Qwen3", _HUB + "Qwen/Qwen3-8B", _QWEN_THINKS, _QWEN_SILENT),
    r"qwq-32b(?!-preview)": Preset("QwQ", _HUB + "Qwen/QwQ-32B", {**_QWEN_THINKS, "top_k": 40}),
    # "Usage Recommendations": 0.5 to 0.7, no system prompt
    r"deepseek-r1": Preset(
        "DeepSeek-R1", _HUB + "deepseek-ai/DeepSeek-R1", {**_USER, **_drawn(0.6, 0.95), **_THINK, **_OUTPUT}
    ),
    # generation_config.json
    r"(meta-)?llama-3(\.\d)?-\d+b-instruct": Preset(
        "Llama 3 Instruct", _HUB + "meta-llama/Llama-3.1-8B-Instruct", _drawn(0.6, 0.9)
    ),
    # The template of Gemma 2 refuses a system message; that of Gemma 3 puts it where this does.
    r"gemma-2-\d+b-it": Preset("Gemma 2", _HUB + "google/gemma-2-9b-it", _USER),
    r"gemma-3-\d+(b|m)-it": Preset("Gemma 3", _HUB + "google/gemma-3-4b-it", {**_USER, **_drawn(1.0, 0.95, 64)}),
    # The templates of v0.1 and v0.2 refuse a system message, later ones put it before the last question.
    r"mistral-small-.+-instruct": Preset(
        "Mistral Small", _HUB + "mistralai/Mistral-Small-24B-Instruct-2501", {**_USER, **_drawn(0.15)}
    ),
    r"mistral-nemo-instruct": Preset(
        "Mistral Nemo", _HUB + "mistralai/Mistral-Nemo-Instruct-2407", {**_USER, **_drawn(0.3)}
    ),
    r"(mistral-7b|mixtral-.+)-instruct": Preset("Mistral", _HUB + "mistralai/Mistral-7B-Instruct-v0.3", _USER),
    # README: temperature and top_p of 1; how long it thinks is policy.template.reasoning_effort=low|medium|high.
    r"gpt-oss-\d+b": Preset(
        "gpt-oss",
        "https://github.com/openai/gpt-oss",
        {
            **_USER,
            **_drawn(1.0),
            "thinking": "<|channel|>analysis<|message|> <|channel|>final<|message|>",
            **_OUTPUT,
        },
    ),
    # Drawn as in section 3 of the paper that the prompt is from.
    r"(qwen2\.5-(math-)?[\d.]+b|qwen3-.+-base|(meta-)?llama-3(\.\d)?-\d+b|gemma-2-\d+b|gemma-3-\d+b-pt"
    r"|mistral-7b-v0\.\d)$": Preset("a base model", "https://arxiv.org/abs/2206.14858", _BASE),
}
"""By a pattern of the beginning of the last part of a name, in small letters; the first one that matches counts."""


def preset(model: str) -> Preset | None:
    """The preset of a hub name, or of a folder with the model's name; None for an unknown model."""
    name = model.rstrip("/").rpartition("/")[2].lower()
    return next((known for pattern, known in PRESETS.items() if re.match(pattern, name)), None)
