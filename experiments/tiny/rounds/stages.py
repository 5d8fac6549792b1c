"""Stages that run one after another, each once: the file of a stage that has ended says what it was made with."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.errors import RunError, writing
from experiments.runs.atomic import write_whole

DONE = "done"


class Stage(NamedTuple):
    """A piece of work below a folder: its name there, what it is made with, and how; `make` returns an exit code.

    A stage that was interrupted is made again, and `make` goes on with what is there.
    """

    name: str
    words: Sequence[str]
    make: Callable[[], int]


def run_stages(folder: Path, stages: Iterable[Stage]) -> None:
    """Makes the stages that have not ended. Raises RunError where one fails, or ended with other settings."""
    with writing(folder):
        (folder / DONE).mkdir(parents=True, exist_ok=True)
    for stage in stages:
        file = done_file(folder, stage.name)
        if file.exists():
            _check(file, stage)
            continue
        print(f"\n{folder / stage.name}: {' '.join(stage.words)}", flush=True)
        begun = time.monotonic()
        if code := stage.make():
            raise RunError(f"{folder / stage.name} ended with exit code {code}; the same command goes on from there")
        seconds = round(time.monotonic() - begun, 1)
        write_whole(file, json.dumps({"words": list(stage.words), "seconds": seconds}) + "\n")


def done_file(folder: Path, name: str) -> Path:
    """The file that says that a stage has ended."""
    return folder / DONE / f"{name.replace('/', '-')}.json"


def _check(file: Path, stage: Stage) -> None:
    before = json.loads(file.read_text("utf-8"))["words"]
    if before != list(stage.words):
        changed = sorted(set(before) ^ set(stage.words))
        raise RunError(f"{file} was made with other settings ({', '.join(changed)}); name another folder with work=")
