"""Problems in a table of separated values (CSV, TSV): the first row names the columns, each other row is a problem."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from experiments.problems.json_lines import Line, ProblemError, no_text
from experiments.problems.sets import Jsonl
from search.errors import KnobError

SEPARATORS = ";,\t|"


@dataclass(frozen=True)
class Csv(Jsonl):
    """A table below a row of column names, UTF-8, gzipped if the name ends in .gz; quoted cells may have many lines."""

    separator: str | None = None
    """what stands between two cells; null: a tab if the file's name ends in .tsv, else a comma"""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.separator is not None and len(self.separator) != 1:
            raise KnobError(f"Csv.separator is {self.separator!r}; it must be one character")

    _remedy: ClassVar = "write a row of column names, and below it a row for each problem"

    def _lines(self) -> Iterator[Line]:
        tab = Path(self.path.removesuffix(".gz")).suffix.lower() == ".tsv"
        return read_table(self.path, self.separator or ("\t" if tab else ","))


def read_table(name: str, separator: str) -> Iterator[Line]:
    """The rows as records of text by column, in order; empty rows are passed over. Raises ProblemError."""
    if not name:
        raise ProblemError("problems.path: no file named; give one with problems.path=FILE.csv")
    path = Path(name).expanduser()
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as file:
            start: bytes = file.read(64)  # pyright: ignore[reportAssignmentType]
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            raise ProblemError(f"{path} looks like JSON lines; read it with problems=jsonl")
        if kind := no_text(path, start):
            raise ProblemError(f"{path} is {kind}")
        with opened(path, "rt", encoding="utf-8-sig", newline="") as text:
            yield from _rows(path, csv.reader(text, delimiter=separator, strict=True))
    except FileNotFoundError:
        raise ProblemError(f"{path}: no such file (looked from {Path.cwd()}); correct problems.path") from None
    except UnicodeDecodeError:
        raise ProblemError(f"{path}: is not UTF-8; save the file as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path}: cannot be read ({error}); is it a whole, readable file?") from error


def _rows(path: Path, rows: "Iterator[list[str]]") -> Iterator[Line]:
    columns: list[str] = []
    number = 0
    try:
        for row in rows:
            where = f"{path}, line {rows.line_num}"  # pyright: ignore[reportAttributeAccessIssue]
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = _columns(where, row)
                continue
            number += 1
            if len(row) != len(columns):
                raise ProblemError(
                    f"{where}: {len(row)} cells under {len(columns)} columns ({', '.join(columns)}); put a cell that "
                    "holds the separator in double quotes, or set problems.separator"
                )
            yield Line(where, number, dict(zip(columns, row, strict=True)))
    except csv.Error as error:
        raise ProblemError(f"{path}, line {rows.line_num}: {error}; write a quote within a cell twice") from None  # pyright: ignore[reportAttributeAccessIssue]


def _columns(where: str, row: list[str]) -> list[str]:
    columns = [cell.strip() for cell in row]
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise ProblemError(f"{where}: two columns are called {twice!r}; rename one")
    other = next((mark for mark in SEPARATORS if len(columns) == 1 and mark in columns[0]), None)
    if other is not None:
        raise ProblemError(f"{where}: one column, {columns[0]!r}; set problems.separator={other!r} if it holds more")
    return columns
