"""Keeps tries in files, one a question, so that the next run need not compute what this one knows."""

import atexit
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.engines.checkpoint import weights_of
from policies.engines.weight_files import weight_files

EVERY = 180.0  # seconds between two savings

Arrays = dict[str, NDArray[Any]]


class Store:
    """Writes the tries that have grown every few minutes and at the end of the process; `folder` None keeps nothing.

    Files are named by the question's tokens, by `what` they hold, and by the model's weights.
    """

    def __init__(self, folder: Path | None, what: str, model: str, arrays: Callable[[Any], Arrays]) -> None:
        self._folder, self._arrays, self._last = folder, arrays, time.monotonic()
        self._tries: dict[Path, Any] = {}
        self._sizes: dict[Path, int] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._name = hashlib.sha256(what.encode())
            for file in weight_files(weights_of(model)):
                self._name.update(file.read_bytes())
            atexit.register(self.save)

    def add(self, question: Sequence[int], trie: Any) -> None:
        """This trie is to be saved."""
        if self._folder is not None:
            self._tries[self._path(question)] = trie

    def load(self, question: Sequence[int]) -> Arrays | None:
        """The arrays of a question's file; None where there is none."""
        if self._folder is None or not (path := self._path(question)).exists():
            return None
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        self._sizes[path] = sum(array.nbytes for array in arrays.values())
        return arrays

    def tick(self) -> None:
        """Saves where it is time to."""
        if self._folder is not None and time.monotonic() - self._last > EVERY:
            self.save()

    def save(self) -> None:
        """Writes the tries that have grown since they were last written, each in one stroke."""
        for path, trie in list(self._tries.items()):
            arrays = self._arrays(trie)
            size = sum(array.nbytes for array in arrays.values())
            if size != self._sizes.get(path):
                part = path.with_suffix(".part")
                with part.open("wb") as file:
                    np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
                part.replace(path)
                self._sizes[path] = size
        self._last = time.monotonic()

    def _path(self, question: Sequence[int]) -> Path:
        assert self._folder is not None
        name = self._name.copy()
        name.update(repr(tuple(question)).encode())
        return self._folder / f"{name.hexdigest()[:24]}.npz"
