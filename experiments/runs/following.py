"""Reads the results of a run that grows: each line once."""

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
        try:
            with self._path.open("rb") as file:
                about = self._path.stat()
                if about.st_ino != self._file or about.st_size < self._place:
                    self._start_over()
                    self._file = about.st_ino
                file.seek(self._place)
                new = file.read()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RunError(f"{self._path} cannot be read: {error.strerror}") from None
        lines = new[: new.rfind(b"\n") + 1]
        for result in parsed(self._path, lines.decode().splitlines(), self._shared, self._lines + 1):
            self._results[result.key] = result
        self._place += len(lines)
        self._lines += lines.count(b"\n")
        return bool(lines)
