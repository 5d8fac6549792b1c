"""Reads the results of a run that grows: each line once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments.errors import RunError
from experiments.runs.results import RESULTS, Key, Result, parsed
from experiments.runs.shared import Shared


class Following:
    """The results of a run so far, the last one of each search."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESULTS
        self._start_over()

    def _start_over(self) -> None:
        self._place = self._lines = 0
        self._file: int | None = None
        self._results: dict[Key, Result] = {}
        self._shared = Shared()

    @property
    def results(self) -> list[Result]:
        return list(self._results.values())

    @property
    def grown(self) -> float | None:
        """When the file was last written to, in seconds since 1970; None where there is none."""
        try:
            return self._path.stat().st_mtime
        except OSError:
            return None

    def read(self) -> bool:
        """Reads the complete lines that are new; False where there are none. Raises RunError for one that is no result.

        A file that is another one, or has become shorter than what was read, is read anew.
        """
        before = self._lines
        try:
            with self._path.open("rb") as file:
                about = self._path.stat()
                if about.st_ino != self._file or about.st_size < self._place:
                    self._start_over()
                    self._file, before = about.st_ino, 0
                file.seek(self._place)
                for result in parsed(self._path, self._complete(file), self._shared, before + 1):
                    self._results[result.key] = result
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RunError(f"{self._path} cannot be read: {error.strerror}") from None
        return self._lines > before

    def _complete(self, lines: Iterable[bytes]) -> Iterator[str]:
        """The lines up to the first incomplete one, which count as read."""
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._place, self._lines = self._place + len(line), self._lines + 1
            yield line.decode("utf-8", "replace")
