"""Policies and scorers of a user's own, named on the command line: `scorer.cls=tests.plugins:Picky`."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from policies.toy import Toy
from search import Cost, Extension, Grower, Kind, Node, Scored, Step, WorkerDied


class Mood(Enum):
    GOOD = 1
    BAD = 2


@dataclass(frozen=True)
class Slow(Toy):
    """The toy policy; each request takes `seconds`."""

    seconds: float = 0.005

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        await asyncio.sleep(self.seconds)
        return await super().extend(node, n, max_steps, seeds)


requests: list[Node] = []


@dataclass(frozen=True)
class Slowing(Toy):
    """The toy policy; its k-th request takes k times 20 ms, and the file "answered" appears with the twelfth."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        requests.append(node)
        place = len(requests)
        await asyncio.sleep(0.02 * place)
        if place == 12:
            Path("answered").touch()  # noqa: ASYNC240 — a moment, and nobody waits
        return await super().extend(node, n, max_steps, seeds)


@dataclass(frozen=True)
class Shouts(Toy):
    """Writes terminal and markup commands into its steps."""

    async def extend(self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int]) -> Extension:
        extension = await super().extend(node, n, max_steps, seeds)
        text = "[bold red]x[/bold red]\x1b[31m\x00\u202e \\boxed{[link=x]\x07}"
        loud = tuple(tuple(Step(text, s.token_ids, s.logprobs, s.end) for s in c) for c in extension.continuations)
        return extension._replace(continuations=loud)


class Mortal:
    """A scorer whose engine dies at the request after the first `lives`."""

    kind = Kind.VALUE

    def __init__(self, lives: int = 11) -> None:
        self.lives = lives

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        self.lives -= 1
        if self.lives < 0:
            raise WorkerDied("the engine has ended. Its log:\nlast words")
        return [0.5 for _ in steps]


class Waits:
    """A scorer that takes `seconds` for each request."""

    kind = Kind.CORRECTNESS

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        await asyncio.sleep(self.seconds)
        return [0.5 for _ in steps]


class Picky:
    """A scorer that cannot stand one question."""

    kind = Kind.VALUE

    def __init__(self, hated: str, mood: Mood = Mood.GOOD, worth: float = 0.5) -> None:
        self.hated, self.mood, self.worth = hated, mood, worth

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        if self.hated in question:
            raise ArithmeticError("I cannot [bold]stand[/bold] this one")
        return [self.worth for _ in steps]


class Ranking(Picky):
    kind = Kind.RANKING


class Moody:
    """Fails in its own way on each bad question."""

    kind = Kind.VALUE

    def score(self, question: str, steps: Sequence[Step]) -> list[float] | Scored:
        if "nan" in question:
            return [math.nan for _ in steps]
        if "costly" in question:
            return Scored([0.5 for _ in steps], Cost(flops=math.nan))
        if "short" in question:
            return []
        if "raise" in question:
            raise KeyError("no such mood")
        return [0.5 for _ in steps]


class NoMethod:
    """Has none of the methods that a searcher, a policy or a scorer needs."""


@dataclass(frozen=True)
class Fails:
    """A searcher that always fails; its samples would be independent."""

    n: int = 1
    scale = "n"
    independent = True

    async def search(self, grow: Grower) -> None:
        await grow.extend(grow.root)
        raise LookupError("no way")


class Doubtful:
    """Trusts every step a little: 0.5 without doubt, 0.05 in full doubt."""

    def __init__(self, doubt: float = 1.0) -> None:
        self.score_of_all = 0.5 - 0.45 * doubt

    def score(self, question: str, steps: Sequence[Step]) -> list[float]:
        return [self.score_of_all for _ in steps]
