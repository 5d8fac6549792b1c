"""The file in which a sweep says how far it is, for whoever watches its folder."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from experiments.errors import RunError
from experiments.runs.atomic import write_whole
from experiments.runs.tally import Tally

PROGRESS = "progress.json"
LOADING, RUNNING, ASKING, DONE = "loading", "running", "asking", "done"


class Status(NamedTuple):
    """How far a run is. Rates and times are those of the sweep that runs, or ran last."""

    state: str
    """loading (its models), running, asking (for a go-ahead), done, or why the sweep was stopped"""
    total: int
    """searches of the run, those that had ended before included"""
    done: int
    failed: int
    searches_per_second: float
    tokens_per_second: float | None
    """None where the policy tells no tokens"""
    left: float | None
    """seconds until it is done; None where nothing is known"""
    written: float
    """seconds since 1970"""

    @property
    def over(self) -> bool:
        """Whether no search is run any more."""
        return self.state not in (LOADING, RUNNING, ASKING)

    @classmethod
    def of(cls, tally: Tally, state: str) -> "Status":
        expected = tally.expected()
        return cls(
            state,
            tally.before + tally.total,
            tally.before + tally.done,
            tally.failed_before + tally.failed,
            tally.searches_per_second,
            tally.tokens_per_second,
            expected.seconds if expected else None,
            time.time(),
        )


def write_status(folder: Path, status: Status) -> None:
    """Writes the file; does without where it cannot be written, for no result depends on it."""
    with suppress(RunError):
        write_whole(folder / PROGRESS, json.dumps(status._asdict()) + "\n")


def read_status(folder: Path) -> Status | None:
    """None where there is none, or none that this version reads."""
    try:
        row: Any = json.loads((folder / PROGRESS).read_text("utf-8"))
        return Status(**row)
    except (OSError, ValueError, TypeError):
        return None


def announced(folder: Path | None, load: Callable[[], None]) -> None:
    """Loads the models of a run that goes on; its file says so meanwhile. None: a new run, which has no file yet."""
    before = None if folder is None else read_status(folder)
    if folder is None or before is None:
        load()
        return
    write_status(folder, before._replace(state=LOADING, written=time.time()))
    try:
        load()
    except BaseException:
        write_status(folder, before)
        raise
