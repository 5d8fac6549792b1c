"""The page of `stepsearch report` in headless Chromium."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.patience import patience

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_chromium = [
    pytest.mark.page,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path (apt-get install chromium)"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


class Opened:
    """A page, and whatever it complained of or asked the network for."""

    def __init__(self, browser: Any, path: Path, words: str = "", **options: Any) -> None:
        self.complaints: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or self.complaints.append(r.url)
        )
        self.page.goto(path.as_uri() + words)

    def evaluate(self, script: str) -> Any:
        """The value of a script, evaluated again where the page reloaded itself meanwhile."""
        from playwright.sync_api import Error

        while True:
            try:
                return self.page.evaluate(script)
            except Error as error:
                if "Execution context was destroyed" not in str(error):
                    raise

    def wait(self, script: str) -> None:
        """Until it holds. Playwright's own waiting evaluates texts in the page, which the page's policy forbids."""
        until = time.monotonic() + patience(30)
        while not self.evaluate(script):
            assert time.monotonic() < until, script
            self.page.wait_for_timeout(25)

    def rows(self) -> list[str]:
        return self.page.locator("#list tbody td:first-child").all_inner_texts()
