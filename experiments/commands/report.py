"""Makes one HTML page of a sweep that works from disk, without a network: curves, table, comparisons, problems, trees.

usage: stepsearch report run=DIR [key=value ...]

Reads the run folder and writes report.html into it. The curves and the table are by every rule and on every axis; a
problem leads to its searches, and a search to its votes and its tree, where the sweep kept trees (`trees=true`).

    stepsearch sweep problems.limit=20 trees=true out=runs/demo
    stepsearch report run=runs/demo
    stepsearch report run=runs/demo baseline=beam out=beam.html
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import RunError
from experiments.runs.folder import given_folder
from experiments.runs.results import read_results

NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """The knobs of `stepsearch report`."""

    run: str | None = None
    """the run folder of a sweep"""
    out: str | None = None
    """file of the page; null: report.html in the run folder"""
    baseline: str = "best_of_n"
    """the searcher that the others are compared with"""
    trees: bool = True
    """put the trees into the page; without them the page of a very large sweep stays small"""


def main(overrides: Sequence[str] = ()) -> int:
    report: Report = build(compose(Report, overrides))
    folder = given_folder(report)
    results = read_results(folder)
    out = Path(report.out).expanduser() if report.out else folder / NAME
    with whole_file(out) as file:
        from experiments.reports.page.page import page  # loads Plotly and matplotlib

        file.write(page(folder, results, report.baseline, report.trees).encode("utf-8", "replace"))
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return 0


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears only once it is complete: it is written beside its place and moved there at the end.

    Raises RunError, before anything else is done, where it cannot be written.
    """
    if path.is_dir():
        raise RunError(f"out={path} is a folder; name a file")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(path)
    except OSError as error:
        raise RunError(f"out={path} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
