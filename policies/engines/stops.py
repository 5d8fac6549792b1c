"""Texts that end a solution, wherever they stand in what is written: in one token, in several, across steps."""

from collections.abc import Sequence


class Stops:
    """Watches a path for the first of some texts; `before` is what the path already says.

    What is given to a continuation is no part of it.
    """

    def __init__(self, texts: Sequence[str], before: str) -> None:
        self._texts, self._keep = texts, max(map(len, texts), default=1) - 1
        self._tail = self._end_of(before)

    def push(self, text: str) -> int:
        """Adds what was written. The characters at its end from where a stop text begins; 0 where none is complete."""
        if not self._texts:
            return 0
        seen, new = self._tail + text, len(self._tail)
        places = [seen.find(stop, max(0, new - len(stop) + 1)) for stop in self._texts]
        begins = [place for place in places if place >= 0]
        self._tail = self._end_of(seen)
        return len(seen) - min(begins) if begins else 0

    def _end_of(self, text: str) -> str:
        return text[-self._keep :] if self._keep else ""


def tokens_in(texts: Sequence[str], characters: int) -> int:
    """How many of the last tokens, given the text of each, lie wholly in the last `characters`."""
    count = 0
    for text in reversed(texts):
        characters -= len(text)
        if characters < 0:
            break
        count += 1
    return count
