"""Pages of the site beside those in docs/: README and others as they stand, and the reference of the public names.

A hook of MkDocs (mkdocs.yml). Links to a file that has a page lead there; those to other files of the repository become
plain text.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "policies/tiny/README.md": "cards/policies_tiny.md",
    "policies/tiny_thinking/README.md": "cards/policies_tiny_thinking.md",
    "scorers/tiny/README.md": "cards/scorers_tiny.md",
}
"""The page of each file outside of docs/, both by their paths from the root and from docs/"""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
_ROOMS = ("stepsearch", "search", "policies", "scorers")


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=relinked((ROOT / source).read_text("utf-8"), source, page)))
    files.append(File.generated(config, "reference.md", content="\n".join(reference())))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    at = page.file.src_uri
    return markdown if page.file.generated_by else relinked(markdown, f"docs/{at}", at)


def relinked(text: str, source: str, page: str) -> str:
    """The text of a file with its links as they lead from its page."""

    def link(match: "re.Match[str]") -> str:
        image, words, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        there = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if there is None:
            return words
        return f"{image}[{words}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor or ''})"

    return _LINK.sub(link, text)


def reference() -> Iterator[str]:
    """The page of the public names: those of `import stepsearch` where each is written, by package."""
    import stepsearch

    yield "# Reference\n\nThe names of `import stepsearch`; those of `search` can be imported from there, too.\n"
    places = {name: place for name in stepsearch.__all__ if (place := _place(getattr(stepsearch, name)))}
    rooms = {name: place.partition(".")[0].replace("experiments", "stepsearch") for name, place in places.items()}
    for room in _ROOMS:
        yield f"## {room}\n"
        for name in sorted((n for n, r in rooms.items() if r == room), key=str.lower):
            if not places[name].endswith(f".{name}"):
                yield f"`stepsearch.{name}` is this class:\n"
            yield f"::: {places[name]}\n"


def _place(thing: Any) -> str | None:
    """The full name of a class or a function; None for a value."""
    name = getattr(thing, "__qualname__", None)
    return f"{thing.__module__}.{name}" if name else None
