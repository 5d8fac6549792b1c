"""The page of a run that is not done: how far it is, the curve so far, the table, the errors. It reloads itself."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from experiments.analysis.cells import Cells
from experiments.analysis.curves import SCALE, chart
from experiments.analysis.rules import RULE_NAMES
from experiments.analysis.summary import summarise
from experiments.errors import RunError
from experiments.reports.page.figures import headings, tables
from experiments.reports.page.live_figure import picture
from experiments.reports.page.page import selection_of
from experiments.reports.page.render import filled, static
from experiments.runs.axes import Axis
from experiments.runs.results import Result
from experiments.runs.status import ASKING, LOADING, RUNNING, Status
from experiments.terminal import duration, number

_ERRORS = 10  # different messages that are shown
_LONGEST = 300  # characters of a message


class View(NamedTuple):
    """What is drawn of the results; it takes its time."""

    svg: str | None = None
    nothing: str = "no search has ended yet"
    """why there is no curve"""
    caption: str = ""
    headings: Sequence[str] = ()
    rows: Sequence[dict[str, Any]] = ()
    errors: Sequence[tuple[str, int]] = ()
    """messages, and how many searches failed with each"""
    others: int = 0
    """searches that failed with other messages"""


class Moment(NamedTuple):
    """When a page is written: the time, the seconds until it is rewritten (None: never), of the sweep's silence (None:
    it is heard of), and since the run last grew (None: it never did).
    """

    now: float
    every: float | None
    silent: float | None
    grown: float | None


def view(folder: Path, results: Sequence[Result]) -> View:
    """The curve over generated tokens, where they are known, by the run's rule of selection."""
    if not results:
        return View()
    rule = selection_of(folder).rule
    cells = Cells.of(results, [rule.value])
    rows = summarise(cells)
    allowed = {row["selection"] for row in rows}
    table = dict(tables(rows, [rule.value if rule.value in allowed else rows[0]["selection"]]))
    messages = Counter((result.error or "")[:_LONGEST] for result in results if result.error is not None)
    most = messages.most_common(_ERRORS)
    told = View(headings=headings(rows), rows=next(iter(table.values())), errors=most)
    told = told._replace(others=messages.total() - sum(count for _, count in most))
    try:
        complete = cells.complete()
        drawn = chart(complete, rule, [Axis.GENERATED_TOKENS])
        if not any(point.places[0] for line in drawn.lines for point in line.points):
            drawn = chart(complete, rule, [SCALE])
        problems = f"{drawn.problems:,} problem{'s' * (drawn.problems != 1)} that ended in every cell"
        caption = f"{problems}; answers by {RULE_NAMES[rule.value]}; bands are 95 % intervals (Wilson) over problems"
        return told._replace(svg=picture(drawn), nothing="", caption=caption)
    except RunError as error:
        return told._replace(nothing=str(error))


def live_page(folder: Path, status: Status | None, seen: View, moment: Moment) -> str:
    """The HTML."""
    return filled(
        "live.html.jinja",
        ("page.css", "live.css"),
        [static("live.js")],
        title=folder.resolve().name,
        folder=str(folder),
        state=_state(folder, status, moment),
        facts=_facts(status, moment),
        status=status,
        view=seen._replace(svg=None if seen.svg is None else Markup(seen.svg)),
        every=moment.every,
        written=moment.now,
        clock=_clock(moment.now),
    )


def _state(folder: Path, status: Status | None, moment: Moment) -> str:
    """What happens with the run now, in a sentence."""
    if status is None:
        return "The sweep has not begun its searches."
    if status.over and status.done < status.total:
        return f"Stopped: {status.state}. It goes on with: stepsearch sweep run={folder}"
    if status.over:
        return "Done. The whole report follows."
    if status.state == LOADING:
        return "The models of the sweep load."
    if moment.silent is not None:
        return (
            f"Nothing was heard of the sweep for {duration(moment.silent)}. If it was killed, it goes on with: "
            f"stepsearch sweep run={folder}"
        )
    return "The sweep asks on its terminal whether to go on." if status.state == ASKING else "The sweep runs."


def _facts(status: Status | None, moment: Moment) -> list[tuple[str, str]]:
    """Figures with their names."""
    if status is None:
        return []
    facts = [
        ("searches", f"{status.done:,} of {status.total:,}"),
        ("failed", f"{status.failed:,}"),
    ]
    if status.state == RUNNING and moment.silent is None:
        facts.append(("searches a minute", number(60 * status.searches_per_second)))
        tokens = status.tokens_per_second
        facts.append(("tokens a second", "unknown" if tokens is None else number(round(tokens, 1))))
        left = status.left
        facts.append(("time left", "not yet known" if left is None else f"about {duration(left)}"))
        facts += [] if left is None else [("done at about", _clock(moment.now + left))]
    facts.append(("last result", "none yet" if moment.grown is None else f"{duration(moment.grown)} ago"))
    return facts


def _clock(when: float) -> str:
    """Hours and minutes where that is today, with the day otherwise."""
    then = time.localtime(when)
    same = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if same else "%a %d %b %H:%M", then)
