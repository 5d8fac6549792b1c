"""Which of many answers are the same, without comparing each with all others."""

import cmath
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Protocol

from search.answers.equivalence import REACH, Equivalence, Reading, equivalent, reading_of
from search.answers.graders import Choice, Exact, Grader, MathVerify, Numeric


class Firsts(Protocol):
    """The first members of groups."""

    def place(self, answer: str) -> int:
        """The place of the first of them that equals the answer, which else is added as the last."""
        ...


def group(answers: Sequence[str | None], firsts: Firsts | None = None) -> list[list[int]]:
    """Indices of equal answers, groups and members in order of appearance. None, no answer, is in no group.

    An answer joins the first group whose first member it equals, so the same text is always in the same group. `firsts`
    are new ones of the relation, by default Math-Verify's.
    """
    groups: list[list[int]] = []
    firsts = firsts or MathFirsts(equivalent)
    places: dict[str, int] = {}  # text -> its group, so that each text is compared once
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        if answer not in places:
            places[answer] = firsts.place(answer)
        if places[answer] == len(groups):
            groups.append([])
        groups[places[answer]].append(index)
    return groups


def firsts_of(grader: Grader) -> Firsts:
    """New ones under a grader. Only that of a grader of one's own, or of a subclass, compares with all of them."""
    if type(grader) is MathVerify:
        return MathFirsts(equivalent)
    if type(grader) is Exact or type(grader) is Choice:
        return KeyFirsts(grader.key)
    if type(grader) is Numeric:
        return NearFirsts(grader)
    return PairFirsts(grader.same)


class PairFirsts:
    """Those of any relation: each new text is compared with all of them, until one equals it."""

    def __init__(self, equal: Callable[[str, str], bool]) -> None:
        self._equal = equal
        self._texts: list[str] = []

    def place(self, answer: str) -> int:
        here = len(self._texts)
        found = next((place for place, text in enumerate(self._texts) if self._equal(text, answer)), here)
        if found == here:
            self._texts.append(answer)
        return found


class KeyFirsts:
    """Those of a relation under which answers with the same key are equal, and no others."""

    def __init__(self, key: Callable[[str], Hashable]) -> None:
        self._key = key
        self._places: dict[Hashable, int] = {}

    def place(self, answer: str) -> int:
        return self._places.setdefault(self._key(answer), len(self._places))


class NearFirsts:
    """Those under `Numeric`: numbers in order, so that each is compared with its neighbours, and texts."""

    def __init__(self, grader: Numeric) -> None:
        self._grader, self._left = grader, 1 - Fraction(grader.tolerance)
        self._texts: list[str] = []
        self._places: dict[str, int] = {}  # of what is no number
        self._numbers: list[tuple[Fraction, int]] = []  # (number, place), in order

    def place(self, answer: str) -> int:
        here = len(self._texts)
        number = self._grader.number(answer)
        if number is None:
            found = self._places.setdefault(answer.strip(), here)
        else:
            near = self._near(number)
            found = min((place for place in near if self._grader.same(self._texts[place], answer)), default=here)
        if found == here:
            self._texts.append(answer)
            if number is not None:
                insort(self._numbers, (number, here))
        return found

    def _near(self, number: Fraction) -> list[int]:
        """Places of the numbers that may equal it: from its share (1 - tolerance) to the one of which it is that share.

        They are few, for no two of them are equal.
        """
        low, high = sorted((number * self._left, number / self._left)) if self._left else (None, None)
        first = 0 if low is None else bisect_left(self._numbers, (low, 0))
        last = len(self._numbers) if high is None else bisect_right(self._numbers, (high, len(self._texts)))
        return [place for _, place in self._numbers[first:last]]


class MathFirsts:
    """Those under an `Equivalence`, by what they amount to: plain numbers, other numbers, and all else.

    An answer with a number is compared only with those near it.
    """

    def __init__(self, equal: Equivalence) -> None:
        self._equal = equal
        self._texts: list[str] = []
        self._unread: list[int] = []  # not yet in one of the others: a single answer is never read
        self._plain: dict[Fraction, int] = {}
        self._unreadable: dict[str, list[int]] = {}
        self._numbers: dict[bool, list[tuple[float, int]]] = {True: [], False: []}  # plain or not; (real part, place)
        self._others: list[int] = []

    def place(self, answer: str) -> int:
        here = len(self._texts)
        reading = reading_of(answer)
        plain = reading.plain
        known = here if plain is None else self._plain.get(plain, here)
        near = (place for place in self._near(answer, reading) if place < known)
        found = next((place for place in near if self._equal(self._texts[place], answer)), known)
        if found == here:
            self._texts.append(answer)
            self._unread.append(here)
            if plain is not None:
                self._plain[plain] = here
        return found

    def _near(self, answer: str, reading: Reading) -> Sequence[int]:
        """Places of those that may equal the answer, ascending; of plain numbers only where it is none itself."""
        plain = reading.plain is not None
        if plain and len(self._plain) == len(self._texts):
            return ()
        for place in self._unread:
            self._file(place)
        self._unread.clear()
        number = self._number(answer)
        if number is None:
            return range(len(self._texts))
        if cmath.isnan(number):
            return self._unreadable.get(reading.latex, ())
        reach = 2 * REACH * abs(number)
        near = list(self._others)
        for numbers in (self._numbers[False], *([] if plain else [self._numbers[True]])):
            first = bisect_left(numbers, (number.real - reach, 0))
            last = bisect_right(numbers, (number.real + reach, len(self._texts)))
            near += [place for _, place in numbers[first:last]]
        return sorted(near)

    def _file(self, place: int) -> None:
        reading, number = reading_of(self._texts[place]), self._number(self._texts[place])
        if number is None:
            self._others.append(place)
        elif cmath.isnan(number):
            self._unreadable.setdefault(reading.latex, []).append(place)
        else:
            insort(self._numbers[reading.plain is not None], (number.real, place))

    def _number(self, answer: str) -> complex | None:
        """None where all must be compared with it."""
        number = self._equal.number(answer)
        return None if number is None or cmath.isinf(number) else number
