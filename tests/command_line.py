"""Runs the console command on the toy world, in this process or in one of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from experiments.cli import main

ROOT = Path(__file__).parents[1]
TOY = ("policy=toy", "scorer=toy")
RIGHT = "1"  # the toy world's right answer

# Policies and scorers of a user's own, as a file in the working folder.
PLUGINS = '''
import asyncio
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from policies.toy import Toy
from search.errors import WorkerDied
from search import Beam, Kind, Step


class Mood(Enum):
    GOOD = 1
    BAD = 2


@dataclass(frozen=True)
class Slow(Toy):
    """The toy policy; the k-th request takes k times `seconds`, and the file "answered" says that ten have ended."""

    seconds: float = 0.02

    async def extend(self, node, n, max_steps, seeds):
        asked.append(node)
        place = len(asked)
        await asyncio.sleep(self.seconds * place)
        if place == 12:
            Path("answered").touch()
        return await super().extend(node, n, max_steps, seeds)


asked = []


@dataclass(frozen=True)
class Shouts(Toy):
    """Writes terminal and markup commands into its steps."""

    async def extend(self, node, n, max_steps, seeds):
        extension = await super().extend(node, n, max_steps, seeds)
        text = "[bold red]x[/bold red]\\x1b[31m\\x00\\u202e \\\\boxed{[link=x]\\x07}"
        loud = tuple(tuple(Step(text, s.token_ids, s.logprobs, s.end) for s in c) for c in extension.continuations)
        return extension._replace(continuations=loud)


class Mortal:
    """A scorer whose engine dies at the twelfth request."""

    kind = Kind.VALUE
    asked = 0

    def score(self, question, steps):
        self.asked += 1
        if self.asked >= 12:
            raise WorkerDied("the engine has ended. Its log:\\nlast words")
        return [0.5 for _ in steps]


class Picky:
    """A scorer that cannot stand one question."""

    kind = Kind.VALUE

    def __init__(self, hated: str, mood: Mood = Mood.GOOD, worth: float = 0.5):
        self.hated, self.mood, self.worth = hated, mood, worth

    def score(self, question, steps):
        if self.hated in question:
            raise ArithmeticError("I cannot [bold]stand[/bold] this one")
        return [self.worth for _ in steps]


class Ranking(Picky):
    kind = Kind.RANKING


class NoMethod:
    pass
'''


def run(*words: object) -> int:
    """The exit code of `stepsearch words...`."""
    return main([str(word) for word in words])


def interrupt(words: list[str], folder: Path, ready: Callable[[], bool]) -> "subprocess.CompletedProcess[str]":
    """Runs a command, sends it Ctrl-C as a terminal does, children included, once it is `ready`, and awaits its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
