"""BM25: which texts of an index are most like a query by the words that they share (Robertson and Zaragoza, 2009)."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_WORD = re.compile(r"\\[a-z]+|[^\W\d_]+|\d+|[^\w\s]|_")  # LaTeX commands, words, numbers, signs
_K1, _B = 1.2, 0.75


def words(text: str) -> list[str]:
    """The words of a text, in small letters: LaTeX commands, words, numbers, and each other sign by itself."""
    return _WORD.findall(text.lower())


class BM25:
    """An inverted index, which keeps what each word adds to the score of each text that has it."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._size = len(texts)
        mean = sum(map(len, texts)) / max(1, len(texts))
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for place, text in enumerate(texts):
            flat = _K1 * (1 - _B + _B * len(text) / mean) if mean else _K1
            for word, count in Counter(text).items():
                postings[word].append((place, count * (_K1 + 1) / (count + flat)))
        self._postings = {word: self._weighed(pairs) for word, pairs in postings.items()}

    def _weighed(self, pairs: Sequence[tuple[int, float]]) -> tuple[NDArray[np.int64], Array]:
        """A word's texts, and what it adds to each: more the fewer texts have it."""
        rarity = math.log(1 + (self._size - len(pairs) + 0.5) / (len(pairs) + 0.5))
        return np.array([place for place, _ in pairs]), rarity * np.array([weight for _, weight in pairs])

    def scores(self, query: Sequence[str]) -> Array:
        """[texts]: the score of each, 0 where it shares no word; a word of the query counts once."""
        scores = np.zeros(self._size)
        for word in dict.fromkeys(query):
            if word in self._postings:
                places, weights = self._postings[word]
                scores[places] += weights
        return scores
