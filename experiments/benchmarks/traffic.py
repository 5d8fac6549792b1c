"""The requests that searches send to a vLLM server, and the fewest prompt tokens that it must compute for them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from policies.engines.server import Draw, Read


class Event(NamedTuple):
    """The token ids of a request at its start (the prompt) or at its end (prompt and output that was read)."""

    search: str
    is_start: bool
    ids: tuple[int, ...]


class Request(NamedTuple):
    """Token ids, search and the rest of a request, to send it again."""

    ids: Sequence[int]
    params: Draw | Read
    search: str


@dataclass
class Traffic:
    """Records a server's requests while it is entered."""

    server: Any
    method: str
    events: list[Event] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def __enter__(self) -> "Traffic":
        plain = getattr(self.server, self.method)

        async def recorded(ids: Sequence[int], params: Any, salt: str) -> Any:
            self.events.append(Event(salt, True, tuple(ids)))
            self.sent.append(Request(list(ids), params, salt))
            output = await plain(ids, params, salt)
            if self.method == "generate":
                self.events.append(Event(salt, False, (*ids, *output.ids[:-1])))  # the last token was never read
            return output

        setattr(self.server, self.method, recorded)
        return self

    def __exit__(self, *_: object) -> None:
        delattr(self.server, self.method)


class Least(NamedTuple):
    """Prompt tokens new to their search, and tokens before them in a partly filled cache block: they are read again."""

    new: int
    rounding: int


def least(events: Iterable[Event], block: int) -> Least:
    """The fewest prompt tokens that the model must compute; a prompt's last token is always computed."""
    tries: dict[str, dict[int, Any]] = defaultdict(dict)
    new = rounding = 0
    for event in events:
        shared = _insert(tries[event.search], event.ids)
        if event.is_start:
            shared = min(shared, len(event.ids) - 1)
            new += len(event.ids) - shared
            rounding += shared % block
    return Least(new, rounding)


def _insert(trie: dict[int, Any], ids: Sequence[int]) -> int:
    """Adds a sequence to the trie; returns how many of its leading tokens were in it."""
    shared = 0
    for token in ids:
        shared += token in trie
        trie = trie.setdefault(token, {})
    return shared
