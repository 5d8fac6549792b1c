"""The page that watches a search, in headless Chromium."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.page.browser import CHROMIUM, FLAGS, in_chromium

pytest.importorskip("fastapi", reason="fastapi is not installed (pip install 'stepsearch[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install 'stepsearch[serve]')")

from experiments.serving.app import app_of
from experiments.serving.listening import Listening, bound
from tests.serving import SLOW, free_port, served

pytestmark = in_chromium


def listening(*words: str, **options: Any) -> Iterator[str]:
    """The address of a server that runs until the generator is closed."""
    server, port = served(*words, **options), free_port()
    serving = Listening(app_of(server), server.gate)
    thread = threading.Thread(target=serving.run, args=([bound("127.0.0.1", port)],), daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.gate.closing = True
    thread.join(10)


@pytest.fixture(scope="module")
def slow() -> Iterator[str]:
    yield from listening(*SLOW, "policy.args.seconds=0.15", "search.mcts.in_flight=1")


@pytest.fixture(scope="module")
def loud() -> Iterator[str]:
    """Its policy writes markup; it has a key."""
    yield from listening("policy=custom", "policy.cls=tests.plugins:Shouts", key="right")


@pytest.fixture(scope="module")
def chromium(slow: str, loud: str) -> Iterator[Any]:
    """After the servers: Playwright keeps an event loop in this thread, beside which none can run."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def opened(chromium: Any) -> Iterator[Any]:
    """Opens the page; at the end it may not have complained."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def opening(url: str, **options: Any) -> Any:
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield opening
    for context in contexts:
        context.close()
    assert [each for each in complaints if "401 (Unauthorized)" not in each] == []


def search(page: Any, model: str, scale: int) -> None:
    page.fill("#question", "What is it?")
    page.select_option("#model", f"stepsearch/{model}")
    page.fill("#scale", str(scale))
    page.click("#start")


def test_the_tree_grows_and_is_answered(opened: Any, slow: str):
    page = opened(slow)
    assert "writes solutions step by step" in page.inner_text("main") and page.locator("#stop").is_disabled()
    search(page, "mcts", 16)
    page.wait_for_selector("#live .dot")
    few = page.locator("#live .dot").count()
    assert page.inner_text("#status").startswith("searching: ")
    page.wait_for_selector("#result h2", timeout=20_000)
    assert page.inner_text(".reply").startswith("Answer: ") and page.inner_text("#status") == "The search has ended."
    assert page.locator("#result .drawing .dot").count() >= few and page.locator("#live .dot").count() == 0
    assert page.locator("#result .outline .row").count() and page.locator("#result .vote").count() > 2
    rows = [row.split("\t")[0] for row in page.locator(".both tbody tr").all_inner_texts()]
    assert rows == ["policy", "scorer"]


def test_stop_ends_it_with_what_there_is(opened: Any, slow: str):
    page = opened(slow)
    search(page, "mcts", 64)
    page.wait_for_selector("#live .dot")
    page.click("#stop")
    page.wait_for_selector("#result h2", timeout=10_000)
    assert page.inner_text("#status") == "Stopped; this is what the search has."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_400_pixels_in_both_schemes(opened: Any, slow: str, scheme: str):
    page = opened(slow, viewport={"width": 400, "height": 800}, color_scheme=scheme)
    search(page, "beam", 4)
    page.wait_for_selector("#result h2", timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 245)"
    assert light == (scheme == "light")


def test_nothing_that_a_model_writes_runs_and_a_key_is_asked_for(opened: Any, loud: str):
    page = opened(loud)
    search(page, "beam", 4)
    page.wait_for_selector(".status.failed")
    assert page.inner_text("#status").startswith("No answer: the key is missing or wrong")
    page.fill("#key", "right")
    page.fill("#question", "<img src=x onerror=alert(1)><script>alert(2)</script>")
    page.click("#start")
    page.wait_for_selector("#result h2", timeout=20_000)
    assert "[bold red]x[/bold red]" in page.inner_text("#result .question")
    assert not page.locator("main img, main script").count()
