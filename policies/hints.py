"""Hints: a worked example fetched for the step that is to be written (BoostStep, arXiv 2501.03226).

The examples are those of a file of shots. One that is nearly the question is never given: nobody may read the solution
of the problem that they are asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.bm25 import BM25, Array, words
from policies.shots import Shot, read_shots

NEAR = 0.6
"""share of the pairs of neighbouring words of one question that another text has, from which it is nearly the same"""


class _Overlap:
    """How many pairs of neighbouring words of a question each of the texts has."""

    def __init__(self, texts: Sequence[str]) -> None:
        listed = [_pairs(text) for text in texts]
        self.sizes = np.array([max(1, len(pairs)) for pairs in listed])
        places: dict[str, list[int]] = defaultdict(list)
        for place, pairs in enumerate(listed):
            for pair in pairs:
                places[pair].append(place)
        self._places = {pair: np.array(those) for pair, those in places.items()}

    def counts(self, pairs: Iterable[str]) -> NDArray[np.int64]:
        """[texts]: how many of these pairs each has."""
        counts = np.zeros(len(self.sizes), dtype=np.int64)
        for pair in pairs:
            if pair in self._places:
                counts[self._places[pair]] += 1
        return counts


class Hints:
    """An index of the steps of worked examples, each by what stands before it: the problem, or the step before."""

    def __init__(self, shots: Sequence[Shot], delimiter: str = "\n\n") -> None:
        self._shots, self._delimiter = list(shots), delimiter
        self._steps = [[step for step in shot.solution.split(delimiter or "\n\n") if step.strip()] for shot in shots]
        self._solutions = [tuple(words(shot.solution)) for shot in shots]
        self._problems = _Overlap([shot.problem for shot in shots])
        self._texts = _Overlap([f"{shot.problem}\n{shot.solution}" for shot in shots])
        self._firsts = BM25([words(shot.problem) for shot in shots])
        inner = [(place, number) for place, steps in enumerate(self._steps) for number in range(1, len(steps))]
        self._inner = np.array(inner, dtype=np.int64).reshape(-1, 2)
        self._laters = BM25([words(self._steps[place][number - 1]) for place, number in inner])
        self._allowed = lru_cache(maxsize=1024)(self._allow)
        self.fetch = lru_cache(maxsize=4096)(self._fetch)

    def __reduce__(self) -> tuple[type["Hints"], tuple[list[Shot], str]]:
        """Another process builds the index anew."""
        return Hints, (self._shots, self._delimiter)

    def _fetch(self, question: str, before: str) -> str:
        """The example whose next step is most likely to help; empty where none shares a word.

        `before` is the last step of the path, empty at its beginning. The example's problem then counts, too.
        """
        allowed, problems = self._allowed(question)
        if not before.strip():
            scores = np.where(allowed, problems, 0.0)
            number, best = 0, int(scores.argmax()) if len(scores) else 0
        else:
            places = self._inner[:, 0]
            matched = self._laters.scores(words(before))
            scores = np.where(allowed[places] & (matched > 0), matched + problems[places], 0.0)
            chosen = int(scores.argmax()) if len(scores) else 0
            best, number = self._inner[chosen].tolist() if len(scores) else (0, 0)
        return self._text(best, number) if len(scores) and scores.max() > 0 else ""

    def _text(self, place: int, number: int) -> str:
        """The problem, and its solution up to the step of that number."""
        steps = "\n\n".join(step.strip() for step in self._steps[place][: number + 1])
        return (
            f"Here is a similar problem:\n{self._shots[place].problem.strip()}\n\nIts solution begins like this:\n"
            f"{steps}\n\nUse it for the next step of your own solution only if it helps."
        )

    def _allow(self, question: str) -> tuple[NDArray[np.bool_], Array]:
        """[examples]: whether each may be given, and the scores of their problems.

        Left out are those that have nearly all of the question in their problem or solution, those whose problem is
        nearly all in the question, and all that have the same solution as one of them.
        """
        pairs = _pairs(question)
        near = self._texts.counts(pairs) >= NEAR * len(pairs)
        near |= self._problems.counts(pairs) >= NEAR * self._problems.sizes
        told = {solution for solution, left_out in zip(self._solutions, near.tolist(), strict=True) if left_out}
        allowed = np.array([solution not in told for solution in self._solutions], dtype=bool)
        return allowed, self._firsts.scores(words(question))


def _pairs(text: str) -> set[str]:
    """The pairs of neighbouring words; of a single word, itself."""
    listed = words(text)
    return {f"{left} {right}" for left, right in pairwise(listed)} or set(listed)


def read_hints(path: str, delimiter: str) -> Hints:
    """The index of a file. Raises KnobError, with file and line, where it cannot be read."""
    try:
        state = Path(path).expanduser().stat()
    except OSError:
        return Hints(read_shots(path, "policy.hints"), delimiter)  # which says what is wrong
    return _read(path, delimiter, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: str, delimiter: str, changed: int, size: int) -> Hints:
    return Hints(read_shots(path, "policy.hints"), delimiter)
