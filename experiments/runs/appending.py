"""A file that one process appends whole lines to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from experiments.errors import RunError

_BLOCK = 4 << 20  # bytes read at once


class Lines:
    """A file that grows by whole lines, each in the hands of the system before the next is begun."""

    def __init__(self, file: FileIO, path: Path) -> None:
        self._file, self._path = file, path

    def append(self, line: str) -> None:
        """Raises RunError where the line cannot be written; none of it is left behind then."""
        size, rest = self._file.seek(0, os.SEEK_END), memoryview(line.encode() + b"\n")
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self._file.truncate(size)
            raise RunError(f"{self._path} cannot be written: {error.strerror}") from error


@contextmanager
def appending(path: Path) -> Iterator[Lines]:
    """The file, to write lines to by this process alone; a last line that was cut off is taken away.

    Raises RunError where another process is writing to it, or where it cannot be written at all.
    """
    try:
        file = FileIO(path, "a+")
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error
    with file:
        _lock(file, path)
        file.truncate(_whole(file))
        yield Lines(file, path)


def _whole(file: FileIO) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _lock(file: FileIO, path: Path) -> None:
    """Until the file is closed, however the process ends; on systems that have such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RunError(f"{path} is being written to by another process; wait for it, or stop it") from None


