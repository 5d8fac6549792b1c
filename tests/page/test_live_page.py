"""The page of a sweep that runs, in headless Chromium: it reloads itself, a phone can read it, no text runs."""

import time
from pathlib import Path
from typing import Any

from experiments.reports.page.live import Moment, View, live_page, view
from experiments.runs.results import read_results
from experiments.runs.status import Status
from tests.page.browser import in_chromium
from tests.report_runs import HOSTILE, write_hostile_run, write_run

pytestmark = in_chromium
STATUS = Status("running", 24, 12, 1, 0.5, 300.0, 125.0, 0.0)


def write(path: Path, folder: Path, seen: View, **status: Any) -> None:
    moment = Moment(status.pop("now", time.time()), status.pop("every", 1.0), None, 3.0)
    path.write_text(live_page(folder, STATUS._replace(**status), seen, moment))


def test_it_reloads_itself_until_it_is_paused(open_page: Any, tmp_path: Path):
    folder, path = write_run(tmp_path / "run", trees=False), tmp_path / "page.html"
    seen = view(folder, read_results(folder))
    write(path, folder, seen)
    opened = open_page(path, viewport={"width": 400, "height": 500}, color_scheme="dark")
    has = "document.querySelector('dd').textContent === '%d of 24'"
    opened.wait(has % 12)
    assert opened.page.locator("#curve svg text").count() > 10 and opened.page.locator("#old").is_hidden()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
    ink = "getComputedStyle(document.querySelector('#curve text')).fill"
    assert opened.evaluate(ink) == opened.evaluate("getComputedStyle(document.body).color")
    opened.evaluate("scrollTo(0, 300)")
    write(path, folder, seen, done=13)
    opened.wait(has % 13)
    opened.wait("scrollY > 250")
    opened.page.get_by_role("button", name="Pause").click()
    write(path, folder, seen, done=14)
    opened.page.wait_for_timeout(2500)
    assert opened.evaluate(has % 13)
    opened.page.get_by_role("button", name="Pause").click()
    opened.wait(has % 14)


def test_a_page_that_nothing_rewrites_says_so(open_page: Any, tmp_path: Path):
    path = tmp_path / "page.html"
    write(path, tmp_path, View(), now=time.time() - 600)
    opened = open_page(path)
    assert "10 min ago, and nothing rewrites it now" in opened.page.locator("#old").inner_text()
    write(path, tmp_path, View(), now=time.time() - 600, every=None, state="interrupted")
    opened = open_page(path)
    assert opened.page.locator("#old").is_hidden() and opened.page.locator("#pause").count() == 0
    assert "goes on with: stepsearch sweep run=" in opened.page.locator("main").inner_text()


def test_no_text_of_a_run_runs(open_page: Any, tmp_path: Path):
    folder, path = write_hostile_run(tmp_path / HOSTILE[9:18]), tmp_path / "page.html"
    write(path, folder, view(folder, read_results(folder)), state=HOSTILE, every=60.0)
    opened = open_page(path)
    assert HOSTILE in opened.page.locator(".errors").inner_text() and "owned" not in opened.page.title()
    assert opened.page.evaluate("document.querySelectorAll('main img, main script, main [onerror]').length") == 0
