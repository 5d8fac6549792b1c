"""The page of `stepsearch report`, parsed."""

import base64
import gzip
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.command_line import run


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and the text of each script by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append((self.tags[-1][1], data))

    def data(self) -> dict[str, Any]:
        return json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == "data"))

    def details(self, index: int) -> dict[str, Any]:
        packed = next(text for attrs, text in self.scripts if attrs.get("id") == f"problem-{index}")
        return json.loads(gzip.decompress(base64.b64decode(packed)))


def made(folder: Path, *words: str) -> str:
    assert run("report", f"run={folder}", *words) == 0
    return (folder / "report.html").read_text("utf-8")
