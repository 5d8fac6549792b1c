"""Rows of a data set on the Hugging Face Hub, at one commit, as the lines of a file: for sets whose `path` is empty.

Needs the extra [datasets]. That library keeps what it has fetched, so a later run needs no network.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from experiments.problems.json_lines import Line, ProblemError

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubSet:
    """Where a set lies: `configs` are the Hub's names of its parts, None for its only one."""

    repository: str
    split: str
    configs: tuple[str | None, ...] = (None,)

    def lines(self, revision: str, group: str = "problems") -> Iterator[Line]:
        """The rows of all parts, each part counted from one. Raises ProblemError.

        `revision` is a commit of the Hub's repository, `group` that of the knobs which name it and a file.
        """
        if not _COMMIT.fullmatch(revision):
            raise ProblemError(
                f"{group}.revision={revision}: what that stands for may change; give a commit of {self.repository}, "
                "all 40 digits of it"
            )
        for config in self.configs:
            rows = self._rows(config, revision, group)
            for number, row in enumerate(_plain(rows), 1):
                where = "/".join(part for part in (self.repository, config, self.split) if part)
                yield Line(f"{where}, row {number}", number, row, group, config or self.split)

    def _rows(self, config: str | None, revision: str, group: str) -> Any:
        try:
            library: Any = import_module("datasets")
        except ImportError:
            raise ProblemError(
                f"{group}.path: name a copy of {self.repository}, or pip install 'stepsearch[datasets]' to fetch it"
            ) from None
        try:
            return library.load_dataset(self.repository, config, split=self.split, revision=revision)
        except Exception as error:  # whatever the library and the network below it raise
            why = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}"
            raise ProblemError(
                f"{self.repository} at {revision[:8]} cannot be had from the Hub ({why}); "
                f"where there is no network, name a copy with {group}.path"
            ) from error


def _plain(rows: Any) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries, a class label as its name."""
    features: Mapping[str, Any] = getattr(rows, "features", None) or {}
    labels = {name: kind for name, kind in features.items() if hasattr(kind, "int2str")}
    for row in rows:
        named = {name: kind.int2str(row[name]) for name, kind in labels.items() if row[name] is not None}
        yield {**row, **named}
