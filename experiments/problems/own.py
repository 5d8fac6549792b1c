"""Problems of the user's own: an object that is iterable, or has the method `load`, gives them one by one.

    class Mine:
        def load(self):
            yield "What is 1 + 1?", "2"
            yield "What is 2 + 3?", "5", "second"

Each is (question, answer) or (question, answer, id), or a `Problem`, which also has a level. An answer of None means
that there is none to grade by.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from experiments.problems.json_lines import ProblemError
from experiments.problems.sets import Problem


@dataclass(frozen=True)
class OwnProblems:
    """The first `limit` problems (None: all) of an object; `name` is its class as it was typed."""

    name: str
    given: Any
    limit: int | None = None

    def load(self) -> list[Problem]:
        """Raises ProblemError for an item of another form, an id that stands twice, and where there is no problem."""
        items = self.given.load() if hasattr(self.given, "load") else self.given
        if not isinstance(items, Iterable) or isinstance(items, str | bytes | dict):
            raise ProblemError(f"{self.name} gives a {type(items).__name__}: {_FORM}, from `load` or by iteration")
        problems: dict[str, Problem] = {}
        for number, item in enumerate(islice(items, self.limit), 1):
            problem = _problem(f"{self.name}, problem {number}", number, item)
            if problem.id in problems:
                raise ProblemError(f"{self.name}, problem {number}: another one has the id {problem.id!r}, too")
            problems[problem.id] = problem
        if not problems:
            raise ProblemError(f"{self.name}: gives no problem; {_FORM}")
        return list(problems.values())


_FORM = "give (question, answer) or (question, answer, id) for each problem"


def _problem(where: str, number: int, item: Any) -> Problem:
    """One item as a problem; without an id it is called by its number."""
    level = None
    if isinstance(item, Problem):
        item, level = (item.question, item.answer, item.id), item.level
    if not isinstance(item, tuple | list) or len(item) not in (2, 3):
        raise ProblemError(f"{where} is {item!r:.60}; {_FORM}")
    question, answer, *named = item
    name = named[0] if named else f"own-{number}"
    if not isinstance(name, str | int) or isinstance(name, bool) or not str(name).strip():
        raise ProblemError(f"{where}: its id is {name!r:.60}; give text or a whole number")
    if not isinstance(question, str):
        raise ProblemError(f"{where}: its question is {question!r:.60}; give text")
    return Problem(_text(where, str(name)), _text(where, question), _answer(where, answer), level)


def _answer(where: str, answer: Any) -> str | None:
    """The gold answer as text; a finite number is its shortest text."""
    if answer is None:
        return None
    if isinstance(answer, int | float) and not isinstance(answer, bool) and math.isfinite(answer):
        return str(int(answer)) if answer == int(answer) and abs(answer) < 1e15 else repr(answer)
    if not isinstance(answer, str) or not answer.strip():
        raise ProblemError(f"{where}: its answer is {answer!r:.60}; give text, a number, or None where there is none")
    return _text(where, answer.strip())


def _text(where: str, text: str) -> str:
    """The text, free of half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProblemError(f"{where}: half a surrogate pair stands in it; remove it") from None
    return text
