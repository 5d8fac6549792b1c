"""Programs within a text: Python between a line that begins with ```python and the next line that begins with ```."""

import re
from collections.abc import Sequence

FENCE = "```"
_FENCE = re.compile(r"\n[ \t]*```")
_PYTHON = re.compile(r"[ \t]*(python|py)\d*[ \t]*\n", re.IGNORECASE)


def programs(text: str) -> list[str]:
    """The programs that are closed, in their order."""
    parts = [f"{part}\n" for part in _FENCE.split(f"\n{text}")]
    closed = parts[1 : len(parts) - (len(parts) % 2 == 0) : 2]
    return [part[match.end() :] for part in closed if (match := _PYTHON.match(part))]


def output_block(before: str, output: str) -> str:
    """What follows a text that ends with a program: its output, without fences, as Qwen2.5-Math reads it."""
    line = "" if before.endswith("\n") else "\n"
    return f"{line}{FENCE}output\n{output.replace(FENCE, chr(39) * 3)}\n{FENCE}\n"


def backquoted(texts: Sequence[str]) -> frozenset[int]:
    """The tokens, given the texts of all, with one of which a program may end."""
    return frozenset(place for place, text in enumerate(texts) if "`" in text)


class Fences:
    """Whether a text, as it grows behind `before`, is inside a program; never where `before` is None."""

    def __init__(self, before: str | None) -> None:
        self._looks, self._open = before is not None, False
        self._since = "\n"  # all since the last fence, this included; outside of fences since the last line break
        self.push(before or "")
        self.closed = False
        """a program ended with what was pushed last"""

    @property
    def inside(self) -> bool:
        return self._open and _PYTHON.match(self._since, len(FENCE)) is not None

    @property
    def holds(self) -> bool:
        """The text ends with a program, or with a part of one."""
        return self.closed or self.inside

    def push(self, text: str) -> None:
        self.closed = False
        if not self._looks:
            return
        self._since += text
        while "`" in text and (match := _FENCE.search(self._since)):
            self.closed |= self.inside
            self._open = not self._open
            self._since = self._since[match.end() - len(FENCE) :]
        if not self._open:
            self._since = self._since[max(0, self._since.rfind("\n")) :]
