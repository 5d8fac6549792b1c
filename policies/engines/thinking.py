"""Thoughts: what a model writes between two tags before its answer, how long they may be, and where their steps end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from policies.engines.stops import tokens_in
from search.errors import KnobError
from search.tree.step import End, Step

MOST_CLOSING = 32
"""tokens with which a thought is closed, at most"""
_TAIL = 64  # tokens at the end of a prompt in which a tag may stand
_LEAST = 4  # parts of the room that an answer is left at least one of, where the context is short


class Tags(NamedTuple):
    """What stands before a thought and behind it."""

    open: str
    close: str


KNOWN = (
    Tags("<think>", "</think>"),  # DeepSeek-R1 and its distills, Qwen3, QwQ, GLM, Nemotron, SmolLM3
    Tags("[THINK]", "[/THINK]"),  # Magistral
    Tags("<seed:think>", "</seed:think>"),  # Seed-OSS
    Tags("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss
)


def tags_of(thinking: str, tokenizer: Any) -> Tags | None:
    """The tags that `policy.thinking` names: none, two tags with a space between, or auto.

    `auto` takes the known ones of which the tokenizer has tokens, or the chat template speaks.
    """
    if thinking == "none":
        return None
    if thinking != "auto":
        return Tags(*thinking.split())
    added, template = set(map(str, tokenizer.get_added_vocab())), str(tokenizer.chat_template or "")
    return next((tags for tags in KNOWN if added.issuperset(tags) or all(tag in template for tag in tags)), None)


class Stage(Enum):
    """Where a path stands."""

    BEFORE = auto()  # a thought may begin
    WITHIN = auto()
    OVER = auto()


@dataclass(frozen=True)
class Thinking:
    """The rule for the thoughts of one policy on one model."""

    tags: Tags
    most: int
    """generated tokens of a thought; at the limit it is closed, and the answer asked for"""
    step_tokens: int | None = None
    """a step of the thought ends after so many"""
    delimited: bool = False
    """a step of the thought ends where the policy's boundary rule says so"""
    marks: Mapping[int, str] | None = None
    """texts of the special tokens, of which tags may consist"""
    closing: Sequence[int] = ()
    """the tokens with which a thought is closed"""
    close_id: int | None = None
    """the closing tag's token, where it is one"""
    open_id: int | None = None
    """the opening tag's"""

    @classmethod
    def of(cls, tags: Tags, most: int, steps: str, tokenizer: Any) -> "Thinking":
        """`steps` is one, delimiter, or a number of tokens."""
        open_ids, close_ids, closing = (encode(tokenizer, text) for text in (*tags, f"\n{tags.close}\n\n"))
        if len(closing) > MOST_CLOSING:
            raise KnobError(f"thinking: the closing tag {tags.close!r} takes {len(closing)} tokens; give a shorter one")
        return cls(
            tags,
            most,
            int(steps) if steps.isdecimal() else None,
            steps == "delimiter",
            dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True)),
            closing,
            close_ids[0] if len(close_ids) == 1 else None,
            open_ids[0] if len(open_ids) == 1 else None,
        )

    def stage_of(self, tokenizer: Any, prompt: Sequence[int]) -> Stage:
        """Where a path begins: some templates open a thought, or close an empty one."""
        text = tokenizer.decode(list(prompt[-_TAIL:]), skip_special_tokens=False).rstrip()
        if text.endswith(self.tags.close):
            return Stage.OVER
        return Stage.WITHIN if text.endswith(self.tags.open) else Stage.BEFORE


def stage_after(step: Step) -> Stage:
    """Where a path stands that ends with this step."""
    closed = not step.thought or step.end in (End.THOUGHT, End.THINKING_TOKENS)
    return Stage.OVER if closed else Stage.WITHIN


def check_thinking(thinking: str, steps: str) -> None:
    """Raises KnobError unless both knobs are of a form that is known."""
    if thinking not in ("none", "auto") and len(thinking.split()) != 2:
        raise KnobError(f"thinking={thinking!r}; give auto, none, or two tags: thinking='<think> </think>'")
    if steps not in ("one", "delimiter") and not (steps.isdecimal() and int(steps)):
        raise KnobError(f"thinking_steps={steps!r}; give one, delimiter, or a number of tokens")


class Thought:
    """The thought of one continuation, as its tokens arrive; `tokens` were written in it before and since.

    `room` tokens are left in the context, of which `answer` are wanted for what follows.
    """

    def __init__(self, rule: Thinking, stage: Stage, tokens: int, room: int, answer: int) -> None:
        self.rule, self.stage, self.tokens = rule, stage, tokens
        kept = min(answer, room // _LEAST) + len(rule.closing)
        self._most = min(rule.most, max(tokens, tokens + room - kept))
        self._seen = ""

    @property
    def within(self) -> bool:
        return self.stage is Stage.WITHIN

    @property
    def left(self) -> int:
        """Tokens until it is closed; at least one, because a request asks for no less."""
        return max(1, self._most - self.tokens)

    @property
    def spent(self) -> bool:
        return self.tokens >= self._most

    def saw(self, token_id: int, text: str) -> None:
        """One more token, given or written, and what it adds to the text."""
        if self.stage is Stage.OVER:
            return
        tags = self.rule.tags
        self._seen += (self.rule.marks or {}).get(token_id, text)
        if self.stage is Stage.BEFORE:
            begun = self._seen.lstrip()
            if begun.startswith(tags.open):
                self.stage, self._seen = Stage.WITHIN, begun.removeprefix(tags.open)
            elif begun and not tags.open.startswith(begun):
                self.stage = Stage.OVER
        if self.stage is Stage.WITHIN:
            if tags.close in self._seen:
                self.stage = Stage.OVER
            self._seen = self._seen[-len(tags.close) :]

    def closing_tag(self, ids: Sequence[int], texts: Sequence[str], given: int) -> tuple[int, int]:
        """How many of a step's last tokens lie in the closing tag, and how many characters of its text.

        `texts` are what its tokens add to the text: special tokens add nothing. The first `given` do not count.
        """
        marks = self.rule.marks or {}
        shown = [len(text) for text in texts[given:]]
        whole = [marks.get(token_id, text) for token_id, text in zip(ids[given:], texts[given:], strict=True)]
        characters = len("".join(whole)) - max(0, "".join(whole).rfind(self.rule.tags.close))
        count = tokens_in(whole, characters)
        hidden = sum(map(len, whole[-count:])) - sum(shown[-count:]) if count else 0
        return count, characters - hidden


def encode(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False))
