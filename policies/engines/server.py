"""What a writer or a reader asks of an engine that takes token ids, here or behind a URL, and how that answers."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from policies.engines.adapters import Adapter
from search.errors import WorkerDied

T = TypeVar("T")


class Draw(NamedTuple):
    """How one continuation is drawn, and what is to be told of it."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    max_tokens: int = 1
    stop_token_ids: Sequence[int] = ()
    """ids after which it stops"""
    stop: Sequence[str] = ()
    """texts after which it stops"""
    barred: Sequence[int] = ()
    """ids that are never drawn"""
    logprobs: bool = True
    """tell each token's log-probability"""
    words: Sequence[int] = ()
    """tell the log-probability of each of these ids in the place of the first token"""
    likelihoods: bool = False
    """tell the log-probability of each token of the prompt"""


class Written(NamedTuple):
    """A continuation; `prompt` tokens were read before it, of which `cached` came from the cache."""

    ids: Sequence[int]
    prompt: int
    cached: int
    end: str | None = None
    """why it ended, in vLLM's words"""
    logprobs: Sequence[float] | None = None
    """of its tokens, the engine's raw numbers; None: not asked for"""
    words: Sequence[float] = ()
    likelihoods: Sequence[float] = ()
    """of the prompt's tokens; the first has none, and 0 in its place"""
    lost: bool = False
    """the request was made more than once, and what it had cost before is not known"""


class Read(NamedTuple):
    """How a classifier reads a text."""

    keep: int
    """rows of the last so many tokens are wanted"""
    skip_cache: bool = False
    """reads all tokens anew"""
    probabilities: bool = True
    """a softmax of the head's numbers"""


class Rows(NamedTuple):
    """A row of the head's numbers for each of the last tokens of a text.

    `computed` counts the rows that the engine made: one for each token that it did not find in its cache.
    """

    rows: Any
    """[R][C], the last R of those that were computed"""
    computed: int
    prompt: int
    cached: int
    lost: bool = False


class EngineDied(WorkerDied):
    """An engine and every request to it have ended; the message holds what is known of why."""


class Aborted(asyncio.CancelledError):
    """A request was cancelled; `output` is what it had given by then, or None where nobody knows."""

    def __init__(self, output: "Written | Rows | None") -> None:
        super().__init__()
        self.output = output


class TokenServer(Protocol):
    """An engine that takes token ids."""

    model: str
    dtype: str
    """its number format, in messages"""
    adapter: Adapter | None

    @property
    def context(self) -> int:
        """The most tokens of prompt and continuation together."""
        ...

    @property
    def block(self) -> int:
        """Tokens of a cache block."""
        ...

    @property
    def alive(self) -> bool:
        """False once it has ended for good; true while it starts."""
        ...

    def ready(self) -> None:
        """Waits until it runs. Raises ModelError where it cannot start."""
        ...

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work`, which makes requests, and awaits it from any loop. Raises EngineDied where it has ended."""
        ...

    async def generate(self, ids: Sequence[int], draw: Draw, salt: str | None) -> Written:
        """A continuation; only requests of one salt share cached tokens. Raises Aborted where it is cancelled."""
        ...

    async def encode(self, ids: Sequence[int], read: Read, salt: str | None) -> Rows:
        """What a classifier reads; like `generate`."""
        ...

    def close(self) -> None:
        """Ends it. Idempotent."""
        ...
