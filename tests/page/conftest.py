"""A browser, and reports to open in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import TOY, run
from tests.page.browser import CHROMIUM, FLAGS, Opened
from tests.report_runs import write_run


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep of all searchers on the toy, with two seeds."""
    folder = tmp_path_factory.mktemp("report") / "toy"
    words = ["problems.limit=3", "budgets=1,8", "search.beam.branch=2", "seeds=0,1", "trees=true"]
    assert run("sweep", *TOY, *words, f"out={folder}") == 0
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


@pytest.fixture(scope="session")
def aggregated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep whose solutions are made from solutions."""
    folder = tmp_path_factory.mktemp("report") / "aggregated"
    reader = ["policy=custom", "policy.cls=tests.search.test_aggregation:Reader", "scorer=self"]
    words = ["problems=arithmetic", "problems.limit=1", "searchers=rsa", "budgets=4", "search.rsa.k=2", "trees=true"]
    assert run("sweep", *reader, *words, f"out={folder}") == 0
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six problems: Best-of-N is right on the even ones, beam where three divides."""
    folder = write_run(tmp_path_factory.mktemp("report") / "made", seeds=(0, 1))
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 500 problems x 16 samples, with trees."""
    folder = write_run(tmp_path_factory.mktemp("large"), problems=500, samples=16, steps=4, searchers=("best_of_n",))
    assert run("report", f"run={folder}") == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(toy: Path, aggregated: Path) -> Iterator[Any]:
    """After the sweeps: Playwright keeps an event loop in this thread, beside which none can run."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Opens pages; at the end none of them may have complained."""
    opened: list[Opened] = []

    def opening(*words: Any, **options: Any) -> Opened:
        opened.append(Opened(browser, *words, **options))
        return opened[-1]

    yield opening
    for one in opened:
        one.page.context.close()
        assert one.complaints == []
