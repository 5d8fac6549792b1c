"""What a sweep prints and writes once its searches have ended."""

import sys
from pathlib import Path

from experiments.analysis.cells import Cells
from experiments.analysis.curves import AXES
from experiments.analysis.endings import by_searcher
from experiments.analysis.health import health, residuals, scored_samples
from experiments.analysis.left_out import ended_by_scale, failed_share, omissions
from experiments.analysis.summary import Row, summarise
from experiments.errors import RunError
from experiments.reports.endings import warnings
from experiments.reports.fitting import show_table
from experiments.reports.health import health_lines, residual_line
from experiments.reports.tables import summary_table, write_csv
from experiments.runs.folder import losses_of
from experiments.runs.results import RESULTS
from experiments.terminal import failure, plain, screen
from search.answers.selection import Rule


def report(folder: Path, cells: Cells, rule: Rule) -> list[Row]:
    """Prints the summary, the first failure and the paths of the files; writes summary.csv and returns its rows."""
    rows = summarise(cells)
    show_table(screen(), summary_table(rows, rule.value, failed_share(cells)))
    for line in (*health_lines(health(scored_samples(cells.searches))), *residual_line(residuals(cells.searches))):
        print(line)
    for line in warnings(by_searcher(cells.searches), losses_of(folder)):
        print(line)
    for line in ended_by_scale(cells):
        print(line)
    failed = [result for result in cells.searches if result.error is not None]
    if failed:
        first = f"{failed[0].cell.searcher} on {failed[0].problem}: {plain(failed[0].error or '')}"
        failure(f"{failed_share(cells)}; the first: {first}")
        print(f"stepsearch sweep run={folder} retry=errors runs them again")
    print(f"results: {folder / RESULTS}")
    try:
        write_csv(rows, folder / "summary.csv")
        print(f"summary: {folder / 'summary.csv'}")
    except RunError as error:
        print(error, file=sys.stderr)
    return rows


def draw(folder: Path, cells: Cells, rule: Rule) -> None:
    """Draws the curves and prints their paths, or prints why there are none."""
    from experiments.reports.curves import draw_run  # loads matplotlib

    try:
        for path in draw_run(folder, cells, rule):
            print(f"curves:  {path}")
        for line in omissions(cells, AXES):
            print(f"curves:  {line}")
    except RunError as error:
        print(f"no curves: {error}")
