"""How the servers behind policies and scorers do, for whoever watches this process: up or not, requests made again."""

from collections import Counter
from typing import NamedTuple


class State(NamedTuple):
    """Whether a server answers, and how many requests to it were made again."""

    up: bool
    retries: int


class Health:
    """The servers that this process asks, by address. Engines write it in their threads, others read it in theirs."""

    def __init__(self) -> None:
        self._up: dict[str, bool] = {}
        self._retries: Counter[str] = Counter()

    def is_up(self, url: str, up: bool) -> None:
        """Notes whether the server answers."""
        self._up[url] = up

    def again(self, url: str) -> None:
        """Counts a request that is made again."""
        self._retries[url] += 1

    def forget(self, url: str) -> None:
        """The server is asked no more."""
        self._up.pop(url, None)
        self._retries.pop(url, None)

    def now(self) -> dict[str, State]:
        """By address."""
        return {url: State(up, self._retries[url]) for url, up in self._up.copy().items()}


HEALTH = Health()
