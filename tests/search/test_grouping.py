"""Groups of equal answers: those of comparing all pairs, whatever the grader, and fast where answers are many."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from search.answers.answers import Answers
from search.answers.equivalence import Equivalence
from search.answers.extraction import Boxed
from search.answers.graders import Choice, Exact, Grader, Numeric
from search.answers.grouping import MathFirsts, PairFirsts, group


@pytest.fixture(scope="module")
def same() -> Iterator[Equivalence]:
    with closing(Equivalence()) as relation:
        yield relation


POOL = [
    *("1", "1.0", "01", " 1", "0.5", "1/2", r"\frac{1}{2}", "0.333333", "0.3333333", "1/3", "x+1", "1+x", "x", "(1,2)"),
    *("x=1", r"50\%", "10000000", "10000000.001", "text", "", r"\infty", "2" * 3000, " " + "2" * 3000, "{1,2}", "1e7"),
    *("2i", "-0", "0"),
]


def pairwise(answers: Sequence[str | None], equal: Callable[[str, str], bool]) -> list[list[int]]:
    """The definition of `group`."""
    groups: list[list[int]] = []
    for index, answer in enumerate(answers):
        if answer is not None:
            same = (members for members in groups if equal(answers[members[0]] or "", answer))
            members = next(same, None)
            groups.append([index]) if members is None else members.append(index)
    return groups


def test_groups_are_those_of_comparing_all_pairs(same: Equivalence) -> None:
    rng = random.Random(0)
    for _ in range(200):
        answers = [*rng.choices([*POOL, None], k=rng.randint(1, 14))]
        assert group(answers, MathFirsts(same)) == pairwise(answers, same), answers


def test_two_thousand_plain_numbers_are_grouped_at_once() -> None:
    same = Equivalence()
    answers: list[str | None] = [f"{n}.{n}" for n in range(2000)]
    started = time.process_time()
    assert len(group(answers, MathFirsts(same))) == 2000
    assert time.process_time() - started < 0.5 and not same._idle, "no process was asked"


def test_groups() -> None:
    def near(a: str, b: str) -> bool:  # not transitive
        return abs(int(a) - int(b)) <= 1

    assert group(["1", None, "2", "3", "2", "1", None], PairFirsts(near)) == [[0, 2, 4, 5], [3]]
    assert group([]) == group([None, None]) == []
    assert group(["1/2", "x", None, "0.5", "y", r"\frac{2}{4}", "x"]) == [[0, 3, 5], [1, 6], [4]]


class Folded(Exact):
    """A relation of one's own, made from one that ships."""

    def same(self, gold: str, answer: str) -> bool:
        return gold.lower() == answer.lower()


NUMBERS = [
    *(
        "1",
        "1.0",
        " 1",
        "\u20031",
        "100/99",
        "1.01",
        "0.99",
        "99/100",
        "0.995",
        "1.02",
        "1.0201",
        "-1",
        "-1.01",
        "0",
        "-0",
    ),
    *(
        "0.0",
        "1e300",
        "1.005e300",
        "1e-300",
        "50",
        "100",
        "101",
        "x",
        " x",
        "1/0",
        "",
        " ",
        "1 m",
        "nan",
        "inf",
        "1e999",
    ),
]
CHOICES = [
    "A",
    "(A)",
    "a.",
    " b",
    "B) 12",
    "12",
    " 12",
    "Apples",
    "",
    "*",
    "option C",
    "c",
    "option c)",
    "AB",
    "ab",
    "Ab",
]
GRADERS = [
    *((Numeric(tolerance), NUMBERS) for tolerance in (0, 1e-6, 0.01, 0.5, 1)),
    (Exact(), NUMBERS),
    (Choice(), CHOICES),
    (Folded(), CHOICES),
]


@pytest.mark.parametrize(("grader", "pool"), GRADERS, ids=[repr(grader) for grader, _ in GRADERS])
def test_every_graders_groups_are_those_of_comparing_all_pairs(grader: Grader, pool: list[str]) -> None:
    rng = random.Random(0)
    answers = Answers(Boxed(), grader)
    joined = 0
    for _ in range(300):
        drawn = [*rng.choices([*pool, None], k=rng.randint(1, 14))]
        groups = answers.group(drawn)
        assert groups == pairwise(drawn, grader.same), drawn
        joined += sum(len({drawn[i] for i in members}) > 1 for members in groups)
    assert joined > 20, "different texts were equal"


@pytest.mark.parametrize("grader", [Numeric(), Numeric(0), Exact(), Choice()], ids=repr)
def test_four_thousand_different_answers_are_grouped_within_a_second(grader: Grader) -> None:
    answers: list[str | None] = [f"{n}.{n}e-7" for n in range(4096)]
    random.Random(0).shuffle(answers)
    started = time.process_time()
    assert len(Answers(Boxed(), grader).group(answers)) == 4096
    assert time.process_time() - started < 2  # on a busy machine; 1 on an idle one
