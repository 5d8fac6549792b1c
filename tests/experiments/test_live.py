"""The page of a sweep that runs: what is read, drawn and said, by a clock of the test's own."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from experiments.commands import live
from experiments.commands.live import Live
from experiments.errors import INTERRUPTED, RunError
from experiments.runs.following import Following
from experiments.runs.results import RESULTS
from experiments.runs.status import PROGRESS, Status, announced, read_status, write_status
from tests.results import result


class Clock(live.Clock):
    """Time that passes only while it is slept; then the next thing happens."""

    def __init__(self, *happens: Any) -> None:
        self.time, self.happens = 1_000.0, list(happens)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        if not self.happens:
            raise KeyboardInterrupt
        if (happening := self.happens.pop(0)) is not None:
            happening()


def status(done: int, state: str = "running", **more: Any) -> Status:
    return Status(state, 24, done, 0, 2.0, 300.0, 125.0, 0.0)._replace(**more)


def append(folder: Path, *problems: int) -> None:
    with (folder / RESULTS).open("a") as file:
        for problem in problems:
            for searcher in ("best_of_n", "beam"):
                file.write(result(problem, searcher, 4, problem % 2, 100).dumps() + "\n")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of results in each picture, which is not painted."""
    from experiments.reports.page import live as page

    counts: list[int] = []
    real = page.view

    def counting(folder: Path, results: Any) -> Any:
        counts.append(len(results))
        return real(folder, results)

    monkeypatch.setattr(page, "view", counting)
    monkeypatch.setattr(page, "picture", lambda chart: "<svg></svg>")
    return counts


def test_a_page_follows_its_sweep_to_the_end(tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]):
    folder, pages = tmp_path / "run", list[str]()
    out = folder / "report.html"

    def begins() -> None:
        folder.mkdir()
        write_status(folder, status(0))

    def grows(*problems: int) -> None:
        pages.append(out.read_text())
        append(folder, *problems)
        write_status(folder, status(2 * problems[-1] + 2))

    def ends() -> None:
        pages.append(out.read_text())
        write_status(folder, status(24, "done"))

    clock = Clock(begins, lambda: grows(0, 1), None, None, lambda: grows(2), ends)
    finished: list[bool] = []
    assert Live(folder, out, 10, clock).run(lambda: finished.append(True)) == 0
    assert finished and drawn == [0, 4, 6], "drawn anew where something was added, and only then"
    assert "no search has ended yet" in pages[0]
    assert "4 of 24" in pages[1] and "about 2 min" in pages[1] and "2 problems that ended in every cell" in pages[1]
    assert 'http-equiv="refresh" content="10"' in pages[1] and "default-src &#39;none&#39;" in pages[1]
    assert len(pages[2]) < 60_000
    assert "no such folder; waiting" in capsys.readouterr().err


def test_a_killed_sweep_is_told_and_waited_for(tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]):
    """The command says so once, then ever more rarely; Ctrl-C ends it, and the page reloads no more."""
    append(tmp_path, 0, 1)
    write_status(tmp_path, status(4))
    clock, out = Clock(*[None] * 30), tmp_path / "report.html"
    assert Live(tmp_path, out, 10, clock).run(lambda: pytest.fail("it has not ended")) == INTERRUPTED
    said = capsys.readouterr().err
    assert said.count("nothing was heard of the sweep") == 3 and "for 40 s" in said and "for 2 min" in said
    assert f"stepsearch sweep run={tmp_path} goes on" in said and "its last result is" in said
    page = out.read_text()
    assert "Nothing was heard of the sweep for 5 min" in page and 'http-equiv="refresh"' not in page
    assert drawn == [4]


def test_a_sweep_that_waits_for_a_reply_is_not_missed(
    tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
):
    append(tmp_path, 0)
    write_status(tmp_path, status(2, "asking"))
    clock, pages = Clock(*[None] * 8, lambda: pages.append((tmp_path / "x.html").read_text())), list[str]()
    Live(tmp_path, tmp_path / "x.html", 10, clock).run(lambda: pytest.fail("it has not ended"))
    assert "The sweep asks on its terminal whether to go on" in pages[0]
    assert "nothing was heard" not in capsys.readouterr().err


@pytest.mark.parametrize("state", ["interrupted", None])
def test_a_run_whose_sweep_has_ended_gets_its_page_at_once(
    state: str | None, tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
):
    append(tmp_path, 0)
    if state:
        write_status(tmp_path, status(2, state))
    finished: list[bool] = []
    assert Live(tmp_path, tmp_path / "x.html", 10, Clock()).run(lambda: finished.append(True)) == 0
    assert finished and not drawn
    assert ("stopped (interrupted)" in capsys.readouterr().err) == (state is not None)


def test_drawing_takes_a_small_part_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from experiments.reports.page import live as page

    clock = Clock(*[lambda: append(tmp_path, len(drawings))] * 40)
    drawings: list[float] = []

    def slow(folder: Path, results: Any) -> Any:
        drawings.append(clock.time)
        clock.time += 20
        return page.View()

    monkeypatch.setattr(page, "view", slow)
    write_status(tmp_path, status(4))
    assert Live(tmp_path, tmp_path / "x.html", 10, clock).run(lambda: None) == INTERRUPTED
    gaps = [after - before for before, after in pairwise(drawings)]
    assert len(gaps) >= 3 and min(gaps) >= 20 + live._SPARING * 20


def test_results_are_read_once(tmp_path: Path):
    following = Following(tmp_path)
    assert not following.read() and following.grown is None
    append(tmp_path, 0)
    assert following.read() and not following.read() and len(following.results) == 2
    with (tmp_path / RESULTS).open("a") as file:
        line = result(1, "beam", 4, 1.0, 100).dumps() + "\n"
        file.write(line[:50])
        file.flush()
        assert not following.read(), "an incomplete line waits"
        file.write(line[50:] + result(0, "beam", 4, 1.0, 7).dumps() + "\n")
    first = following.results[0]
    assert following.read() and len(following.results) == 3 and following.results[0] is first
    assert following.results[1].ledger.generated_tokens == 7, "the last line of a search holds"
    (tmp_path / RESULTS).unlink()
    append(tmp_path, 5)
    assert following.read() and {one.problem for one in following.results} == {"p5"}
    with (tmp_path / RESULTS).open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(RunError, match=r"results\.jsonl, line 3: not a result"):
        following.read()


def test_a_file_of_progress_that_cannot_be_read_is_none(tmp_path: Path):
    assert read_status(tmp_path) is None
    for text in ("", "[]", '{"state": "done"}', "{"):
        (tmp_path / PROGRESS).write_text(text)
        assert read_status(tmp_path) is None


def test_a_run_that_goes_on_says_that_its_models_load(tmp_path: Path):
    seen: list[str] = []

    def load() -> None:
        seen.extend(one.state for one in [read_status(tmp_path)] if one)

    announced(None, load)
    announced(tmp_path, load)
    assert not seen, "a new run has no file yet"
    write_status(tmp_path, status(4, "interrupted"))
    announced(tmp_path, load)
    assert seen == ["loading"] and "The models of the sweep load" in _page(tmp_path)
    write_status(tmp_path, status(4, "interrupted"))
    with pytest.raises(ZeroDivisionError):
        announced(tmp_path, lambda: print(1 / 0))
    assert read_status(tmp_path) == status(4, "interrupted")


def _page(folder: Path) -> str:
    from experiments.reports.page.live import Moment, View, live_page

    return live_page(folder, read_status(folder), View(), Moment(0.0, 10.0, None, None))
