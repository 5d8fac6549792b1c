"""A sweep that is watched: its question, its file of progress, its figures on a port, its page while it runs."""

import json
import socket
import threading
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from experiments.commands import live
from experiments.commands.live import Live
from experiments.errors import INTERRUPTED, RunError
from experiments.problems.sets import Problem
from experiments.runs import searching
from experiments.runs.following import Following
from experiments.runs.graded import Graded
from experiments.runs.grid import Budgets, Name, cells
from experiments.runs.results import RESULTS
from experiments.runs.status import PROGRESS, Status, announced, read_status, write_status
from experiments.runs.tally import Tally
from policies.engines.health import Health
from policies.toy import Toy
from search import Beam, Ledger
from tests.command_line import run
from tests.experiments.toy_sweep import lines, sweep, timeless
from tests.results import result

# the question


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The answers to give; each question takes the first one."""
    answers: list[str] = []
    monkeypatch.setattr(searching, "is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0))
    return answers


def test_a_no_leaves_a_run_that_goes_on(here: Path, asked: list[str], capsys: pytest.CaptureFixture[str]):
    words = ("searchers=beam", "budgets=1,4", "seeds=0,1,2", "concurrency=1")
    asked.append("n")
    assert sweep(*words, "confirm=0") == INTERRUPTED and not asked
    said, ended = capsys.readouterr(), len(lines())
    assert 3 <= ended < 35, "it asks once something is known of each cell"
    assert f"the {35 - ended} searches that are left will take about " in said.out
    assert f"not confirmed: {ended} of 35 searches" in said.err
    assert json.loads(Path("run", PROGRESS).read_text())["state"] == "not confirmed"
    asked.append("")
    assert run("sweep", "run=run") == 0 and not asked, "what has ended tells what the rest costs"
    assert f"{35 - ended} of 35 searches to run, of " in capsys.readouterr().err
    assert sweep(*words, "confirm=null", out="other") == 0
    assert timeless() == timeless("other")
    assert Status(**json.loads(Path("run", PROGRESS).read_text()))[:4] == ("done", 35, 35, 0)


def test_what_takes_less_is_not_asked_for(here: Path, asked: list[str]):
    assert sweep("searchers=beam", "budgets=1", "concurrency=1") == 0


def test_nobody_is_asked_where_there_is_no_terminal(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("builtins.input", lambda prompt: pytest.fail("it asked"))
    assert sweep("searchers=beam", "budgets=1", "confirm=0", "shard=1/2") == 0
    assert "6 searches to run, of 3 problems in 2 cells\nthe " in capsys.readouterr().err


# figures


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_port_in_use_is_told_before_anything_runs(here: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (stepsearch[serve])")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert sweep(f"metrics.port={port}") == 2
    assert f"metrics.port={port}: Address already in use; choose another" in capsys.readouterr().err
    assert not Path("run").exists()


def test_figures_of_a_sweep(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed (stepsearch[serve])")
    from experiments.serving import metrics
    from experiments.serving.sweep_figures import served

    health = Health()
    monkeypatch.setattr(metrics, "HEALTH", health)
    health.is_up("http://a:1", False)
    health.again("http://a:1")
    port, (cell,) = free_port(), cells({"beam": Beam(1)}, Toy(), [4], Budgets())[1:]
    names = [Name(place, Problem(f"p{place}", "secret", "1"), cell, 0) for place in range(5)]
    tally = Tally(names, [result(9, "beam", 4, 1.0, 20)], at_once=2)

    def text() -> str:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()

    with served("127.0.0.1", port) as figures:
        assert "stepsearch_sweep_total" not in text()
        figures.begin(tally)
        tally.begin()
        for name, error in zip(names[:2], (None, "ValueError: secret"), strict=True):
            ledger = Ledger(generated_tokens=7, flops=30.0, scorer_flops=10.0)
            kept = Graded("", None, name.problem.id, error, "done", ledger, None)
            tally.ended(cell.key, ledger, error is not None)
            figures.ended(name, kept)
        told = text()
    wanted = {
        'searches_total{searcher="beam",stopped="done"}': 1,
        'searches_total{searcher="beam",stopped="error"}': 1,
        'tokens_total{kind="generated"}': 14,
        'flops_total{model="policy"}': 40,
        'flops_total{model="scorer"}': 20,
        "sweep_total": 6,
        "sweep_ended": 3,
        "sweep_failed": 1,
        "running": 2,
        'engine_up{engine="http://a:1"}': 0,
        'engine_retries_total{engine="http://a:1"}': 1,
    }
    assert all(f"stepsearch_{name} {float(value)}\n" in told for name, value in wanted.items()), told
    assert "stepsearch_sweep_left_seconds" in told and "secret" not in told
    with pytest.raises(OSError, match="refused"):
        text()
    assert not any("serve_forever" in thread.name for thread in threading.enumerate())


# the page while it runs


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
