"""A file that appears only once it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from experiments.errors import RunError


@contextmanager
def atomic_file(path: Path, knob: str = "") -> Iterator[IO[bytes]]:
    """Writes to a temporary file beside `path`, which is moved there at the end; what fails leaves nothing behind.

    A link stays, and its target is written. A device, a pipe and a file whose folder takes no new one are written
    directly. Raises RunError where the file cannot be written; `knob` is the one that names it, "out=".
    """
    if path.is_dir():
        raise RunError(f"{knob}{path} is a folder; name a file")
    try:
        if path.exists() and not (path.is_file() and os.access(path.resolve().parent, os.W_OK)):
            with path.open("wb") as file:
                yield file
        else:
            with _moved_to(path.resolve()) as file:
                yield file
    except OSError as error:
        raise RunError(f"{knob}{path} cannot be written: {error.strerror}") from error


@contextmanager
def _moved_to(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file, or leaves what was there. Raises RunError where it cannot be written."""
    with atomic_file(path) as file:
        file.write(text.encode())
