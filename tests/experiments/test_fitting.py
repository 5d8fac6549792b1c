"""Tables in 80 columns lose no figure, and columns leave in the stated order. Title and caption fit their figure."""

import re

import pytest
from rich.console import Console
from rich.table import Table

from experiments.analysis.curves import Chart, Line, Panel, Point
from experiments.reports.curves import draw
from experiments.reports.fitting import LEAVING, show_table
from experiments.reports.tables import new_table

HEADINGS = ("N", "cost", "accuracy %", "difference", "95 % interval", "p", "better/worse", "verdict", "needed")
ROW = ("particle_filter", "16", "12,345.6", "26.5", "+13.5", "-3.2 to +30.1", "0.061", "17/15", "cannot tell", "1,340")


def table() -> Table:
    made = new_table("against best_of_n at equal generated tokens; weighted; 20 problems", "searcher", *HEADINGS)
    made.add_row(*ROW)
    return made


def printed(width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        show_table(console, table())
    return captured.get()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_figure_is_lost_or_cut(width: int):
    text = printed(width)
    assert all(cell in " ".join(text.split()) for cell in ROW) and "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_columns_leave_in_the_stated_order():
    wide, narrow = printed(200), printed(80)
    assert "particle_filter 16:" not in wide
    (line,) = (line for line in narrow.splitlines() if line.startswith("particle_filter 16: "))
    left = [heading for heading in LEAVING if re.search(rf"(: |, ){re.escape(heading)} ", line)]
    present = [heading for heading in LEAVING if heading in HEADINGS]
    assert left == present[: len(left)] and left


def test_title_and_caption_of_one_panel_lie_inside_the_figure():
    point = Point((10.0,), 0.5, 0.4, 0.6)
    panel = Panel("generated tokens per problem", exact=False)
    drawn = Chart([panel], [Line("beam", [point])], [], [], None, 500, list(range(8)), "answers by weighted majority")
    finding = "Beam (N = 16) is 10.2 points above Best-of-N at equal generated tokens (95 % interval 2.5 to 17.6)"
    long = drawn._replace(chosen="answers by score-weighted majority, settings chosen on the other half")
    for one in (drawn, long._replace(finding=finding), long._replace(finding=f"{finding}; below it: MCTS")):
        canvas = draw(one)
        canvas.canvas.draw()
        title = canvas._suptitle  # pyright: ignore[reportAttributeAccessIssue]
        (legend,) = canvas.legends
        assert "".join(title.get_text().split()) == "".join(one.finding.split())
        for box in (title.get_window_extent(), legend.get_title().get_window_extent(), legend.get_window_extent()):
            assert box.x0 >= 0 and box.x1 <= canvas.bbox.width
        panel_box = canvas.axes[0].get_tightbbox()
        assert panel_box is not None and legend.get_window_extent().y1 < panel_box.y0
