"""Prints a table in the width that there is: columns leave in a stated order, and their figures follow in words."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

LEAVING = (
    "interval", "95 % interval", "needed", "better/worse", "FLOPs", "lost", "cost", "problems", "no answer", "errors",
    "tokens", "majority", "p", "pass@N", "accuracy %",
    "acc. on wrong", "acc. on right", "step AUC", "PRMScore", "mG-Pass@k", "weighted vote", "highest score",
)  # fmt: skip
"""Columns by heading, in the order in which they leave a table that is too wide; all others stay."""


def show_table(console: Console, table: Table, names: int = 2) -> None:
    """Prints the table; where columns had to leave, a line for each row has their figures.

    The first `names` columns say which row it is.
    """
    for part in fitted(table, console.width, names, console):
        console.print(part, highlight=False)


def fitted(table: Table, width: int, names: int, console: Console) -> Iterator[RenderableType]:
    """The table with the columns that fit, and a line of text for each row of what left."""
    headings = [str(column.header) for column in table.columns]
    gone: list[str] = []
    smaller = table
    for heading in (name for name in LEAVING if name in headings[names:]):
        if _width(console, smaller) <= width:
            break
        gone.append(heading)
        smaller = _without(table, gone)
    yield smaller
    if gone:
        yield from _lines(table, [heading for heading in headings if heading in gone], names)


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(width=10_000), _untitled(table)).maximum


def _untitled(table: Table) -> Table:
    """The same columns; a title wraps and needs no width."""
    return _without(table, (), title=None)


def _without(table: Table, gone: Sequence[str], **title: None) -> Table:
    """The same table without some columns."""
    kept = [column for column in table.columns if str(column.header) not in gone]
    same: dict[str, Any] = {"title": table.title, "box": table.box, "padding": table.padding, **title}
    smaller = Table(title_justify="left", **same)
    for column in kept:
        smaller.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for cells in zip(*(column.cells for column in kept), strict=True):
        smaller.add_row(*cells)
    return smaller


def _lines(table: Table, gone: Sequence[str], names: int) -> Iterator[Text]:
    by_heading = {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}
    labels = list(by_heading)[:names]
    for row in range(table.row_count):
        name = " ".join(by_heading[label][row] for label in labels)
        figures = [f"{heading} {by_heading[heading][row]}" for heading in gone if by_heading[heading][row]]
        if figures:
            yield Text(f"{name}: {', '.join(figures)}")
