"""When two answers are the same. A grader of one's own is any object with the method `same`."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from search.answers.equivalence import equivalent
from search.answers.notation import as_latex
from search.answers.numerals import plain_number
from search.errors import check_knob


class Grader(Protocol):
    """Grades answers and groups the votes by one relation, which should be symmetric."""

    def same(self, gold: str, answer: str) -> bool:
        """Whether an answer is the same as the gold one, or as the first of a group. It may block."""
        ...


@dataclass(frozen=True)
class MathVerify:
    """Mathematics: equal values, expressions, sets and relations, by Math-Verify in a process with a time limit."""

    def same(self, gold: str, answer: str) -> bool:
        return equivalent(gold, answer)


@dataclass(frozen=True)
class Exact:
    """The same text, but for spaces around it."""

    def key(self, answer: str) -> str:
        """The same for equal answers, and for no others."""
        return answer.strip()

    def same(self, gold: str, answer: str) -> bool:
        return self.key(gold) == self.key(answer)


@dataclass(frozen=True)
class Numeric:
    """Numbers that agree within a relative tolerance; what is no number equals only the same text."""

    tolerance: float = 1e-6
    """most that they may differ, as a share of the larger one"""

    def __post_init__(self) -> None:
        check_knob(self, "tolerance", least=0, most=1)

    def same(self, gold: str, answer: str) -> bool:
        first, second = self.number(gold), self.number(answer)
        if first is None or second is None:
            return gold.strip() == answer.strip()
        return abs(first - second) <= Fraction(self.tolerance) * max(abs(first), abs(second))

    def number(self, answer: str) -> Fraction | None:
        """The number that an answer is."""
        return _number(answer.strip())


@dataclass(frozen=True)
class Choice:
    """The letters of multiple choice, `(B)`, `b.` and `B) 12`; what names no letter equals only the same text."""

    def key(self, answer: str) -> str:
        """The same for equal answers, and for no others."""
        return _letter(answer) or answer.strip()

    def same(self, gold: str, answer: str) -> bool:
        return self.key(gold) == self.key(answer)


_FRACTION = re.compile(r"([-+]?)(?:(\d{1,100})/(\d{1,100})|\\[dt]?frac\{(\d{1,100})\}\{(\d{1,100})\})", re.ASCII)
_LETTER = re.compile(r"\W*(?:(?:option|choice|answer)\W+)?([A-Za-z])(?:[).:\]}*]|\W*$)", re.IGNORECASE)
_WORD = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s*(?=\{)|\$")


@lru_cache(maxsize=1 << 15)
def _number(answer: str) -> Fraction | None:
    latex = as_latex(answer)
    if fraction := _FRACTION.fullmatch(latex):
        over, under = (int(next(filter(None, pair))) for pair in (fraction.group(2, 4), fraction.group(3, 5)))
        return Fraction(over, under) * (-1 if fraction[1] == "-" else 1) if under else None
    return plain_number(latex)


def _letter(answer: str) -> str | None:
    match = _LETTER.match(_WORD.sub("", answer))
    return match[1].upper() if match else None
