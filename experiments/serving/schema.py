"""A request of a chat, checked: what is understood, what is refused, and what is ignored and said so."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.serving.refusals import Refusal, wrong
from search.answers.selection import Rule

LONGEST = 1 << 20
"""bytes of a request"""


class Sampling(StrEnum):
    """Whose temperature samples the steps: the server's policy's own, or the request's."""

    SERVER = "server"
    REQUEST = "request"


class Limits(BaseModel):
    """A budget of one search, as `search.Budget`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    samples: int | None = Field(default=None, ge=1)
    generated_tokens: int | None = Field(default=None, ge=1)
    flops: float | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)


class Knobs(BaseModel):
    """What `extra_body={"stepsearch": {...}}` holds; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")

    n: int | None = Field(default=None, ge=1, strict=True)
    """the searcher's scale, in place of the model name's -N"""
    budget: Limits = Field(default_factory=Limits)
    selection: Rule | None = None
    sampling: Sampling = Sampling.SERVER
    progress: bool = Field(default=False, strict=True)
    """with stream: figures of the search beside each heartbeat"""
    tree: bool = Field(default=False, strict=True)
    """the whole tree in the answer"""


class Part(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A message of the chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool | None = False


class Chat(BaseModel):
    """The body of a request; other fields are kept by name alone, for they are ignored."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: list[Message] = Field(min_length=1)
    n: int | None = None
    seed: int | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    stepsearch: Knobs = Field(default_factory=Knobs)

    @property
    def most_tokens(self) -> int | None:
        """Of one solution."""
        both = [most for most in (self.max_tokens, self.max_completion_tokens) if most is not None]
        return min(both, default=None)

    @property
    def heated(self) -> float | None:
        """The temperature that the request asks for and that counts."""
        return self.temperature if self.stepsearch.sampling is Sampling.REQUEST else None

    def ignored(self) -> list[str]:
        """The names of the fields that have a value and no effect."""
        names = sorted(name for name, value in (self.model_extra or {}).items() if value not in (None, [], {}))
        return [*(["temperature"] if self.temperature is not None and self.heated is None else []), *names]


class Asked(NamedTuple):
    """A request, and the question that its messages make."""

    chat: Chat
    question: str


def read_chat(body: bytes) -> Asked:
    """Raises Refusal, which names the field, for what is no request of a chat or cannot be searched."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise wrong("the body is no JSON") from None
    try:
        chat = Chat.model_validate(values)
    except ValidationError as error:
        raise _refused(error) from None
    if chat.n not in (None, 1):
        raise wrong("n is the number of choices and must be 1; how much is searched is stepsearch.n, or -N", "n")
    return Asked(chat, question_of(chat.messages))


def question_of(messages: Sequence[Message]) -> str:
    """The user's text, behind that of system and developer. Raises Refusal where an assistant has had its turn."""
    if any(message.role == "assistant" for message in messages):
        raise wrong("a search answers one question: send no earlier turns of the assistant", "messages")
    text = "\n\n".join(text for message in messages if (text := message.text.strip()))
    if not any(message.role == "user" and message.text.strip() for message in messages):
        raise wrong("there is no text of the user", "messages")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong("a message is not valid Unicode", "messages") from None
    return text


def _refused(error: ValidationError) -> Refusal:
    """The first mistake, with the field's name."""
    first: dict[str, Any] = dict(error.errors(include_url=False, include_context=False, include_input=False)[0])
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return wrong(f"{name}: no such knob; stepsearch has {', '.join(Knobs.model_fields)}", name, "unknown_knob")
    return wrong(f"{name}: {first['msg']}" if name else f"the body: {first['msg']}", name or None)
