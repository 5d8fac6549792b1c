"""Makes one HTML page of a sweep, which needs no network: curves, table, comparisons, problems and trees.

usage: stepsearch report run=DIR [key=value ...]

Reads the run folder and writes report.html into it. Curves and table are available for every selection rule and axis.
Each problem links to its searches; a search shows its votes, and its tree where the sweep saved trees (`trees=true`).

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
    """output file; null: report.html in the run folder"""
    baseline: str = "best_of_n"
    """the searcher that the others are compared with"""
    trees: bool = True
    """include the trees; without them the page of a very large sweep stays small"""


def main(overrides: Sequence[str] = ()) -> int:
    report: Report = build(compose(Report, overrides))
    folder = given_folder(report)
    results = read_results(folder)
    out = Path(report.out).expanduser() if report.out else folder / NAME
    with atomic_file(out) as file:
        from experiments.reports.page.page import page  # loads Plotly and matplotlib

        file.write(page(folder, results, report.baseline, report.trees).encode("utf-8", "replace"))
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return 0


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears only once it is complete: it is written to a temporary file beside it and moved at the end.

    Raises RunError, before the block runs, where the file cannot be written.
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
