"""A file to which a single process appends complete lines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from experiments.errors import RunError, writing

_BLOCK = 4 << 20  # bytes read at once


class Lines:
    """Appends complete lines; each is handed to the operating system before the next one is written."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path

    def append(self, line: str) -> None:
        """Raises RunError where the line cannot be written; the file then keeps no part of it."""
        size, rest = self._file.seek(0, os.SEEK_END), memoryview(line.encode() + b"\n")
        with writing(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
            except OSError:
                self._file.truncate(size)
                raise


@contextmanager
def appending(path: Path) -> Iterator[Lines]:
    """Opens the file for this process alone, to append lines to; an incomplete last line is removed.

    Raises RunError where another process is writing to the file, or where it cannot be opened for writing.
    """
    with writing(path):
        file = FileIO(path, "a+")
    with file:
        _lock(file, path)
        file.truncate(_end_of_lines(file))
        yield Lines(file, path)


def _end_of_lines(file: FileIO) -> int:
    """The number of bytes up to the end of the last complete line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        place = file.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def _lock(file: FileIO, path: Path) -> None:
    """Locks the file until it is closed, or until the process ends; does nothing on systems without file locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RunError(f"{path} is being written to by another process; wait for it, or stop it") from None
