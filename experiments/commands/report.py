"""Makes one HTML page of a sweep, which needs no network: curves, table, comparisons, problems and trees.

usage: stepsearch report run=DIR [key=value ...]

Reads the run folder and writes report.html into it. Curves and table are available for every selection rule and axis.
Each problem links to its searches; a search shows its votes, and its tree where the sweep saved trees (`trees=true`).
With `live=SECONDS` it watches a sweep that runs: until that has ended, it rewrites a small page, which reloads itself
in a browser, with the progress, the curve so far and the errors.

    stepsearch sweep problems.limit=20 trees=true out=runs/mine
    stepsearch report run=runs/mine
    stepsearch report run=runs/mine baseline=beam out=beam.html
    stepsearch report run=runs/mine live=10
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.commands.live import Live
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import check_output
from experiments.runs.atomic import atomic_file
from experiments.runs.folder import given_folder
from experiments.runs.results import RESULTS, read_results
from experiments.terminal import note
from search.errors import check_knob

NAME = "report.html"
_LARGE = 20_000_000  # bytes, which take some seconds to read


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
    live: float | None = None
    """seconds between two pages of a sweep that runs, until it has ended; null: one page of what there is"""

    def __post_init__(self) -> None:
        check_knob(self, "live", least=1)


def main(overrides: Sequence[str] = ()) -> int:
    report: Report = build(compose(Report, overrides))
    folder = given_folder(report)
    if (folder / RESULTS).exists() and (folder / RESULTS).stat().st_size > _LARGE:
        note(f"reading {folder / RESULTS}")
    out = Path(report.out).expanduser() if report.out else folder / NAME
    if report.live is None:
        _write(report, folder, out)
        return 0
    if report.out:
        check_output(out)
    return Live(folder, out, report.live).run(lambda: _write(report, folder, out))


def _write(report: Report, folder: Path, out: Path) -> None:
    """The whole page."""
    results = read_results(folder)
    with atomic_file(out, "out=") as file:
        from experiments.reports.page.page import page  # loads Plotly and matplotlib

        file.write(page(folder, results, report.baseline, report.trees).encode("utf-8", "replace"))
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
