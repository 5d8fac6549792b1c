r"""Claims of numbers: what is found in a text, what it computes to, and what is put back into an equation."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from scorers import checks
from scorers.checks import Checks, Verdict, check
from scorers.claims import Claim, claims
from scorers.conformance import check_scorer
from search import End, Step
from search.answers.equivalence import Equivalence
from tests.patience import patience

QUADRATIC = "Solve $x^2 - 5x + 6 = 0$ for $x$."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \(3 \times 4 = 12\) apples, and 12 + 1 = 13.", [(r"3 \times 4", "12"), ("12 + 1", "13")]),
        ("5 + 3 - -4 = 8 - -4 = 12\n(1 + 12)\n\n", [("5 + 3 - -4", "8 - -4"), ("8 - -4", "12")]),
        ("1,000 + 234 = 1,234", [("1000 + 234", "1234")]),
        ("-2 + 3 = 1", [("-2 + 3", "1")]),
        (r"\[ 2^3 = 8 \\ 3 = 4 \]", [("2^3", "8"), ("3", "4")]),
        (r"$12 \text{ pounds} + 3 \text{ pounds} = \boxed{15}$", [("12   + 3", "15")]),
        (r"$5(2) = 10$", [(r"5 \cdot (2)", "10")]),
        ("Day 2 = 5", []),
        ("x + 3 - 2 = 5", []),
        ("he has 3 apples + 4 = 7", []),
        ("3 * 2 = 6x", []),
        ("7 + 3 =\n10", []),
        (r"$17 \equiv 5 \pmod{12} = 5$", []),
        (r"$2\frac{1}{2} = 2.5$", []),
        (r"$f(2) = 5$", [("f(2)", "5")]),
    ],
)
def test_claims_are_found(text: str, found: list[tuple[str, str]]):
    assert [tuple(claim) for claim in claims(text)] == found


def test_what_is_numeric():
    assert Claim(r"\frac{1}{2} + \sqrt{2}", r"3 \pi").numeric
    assert not Claim("x", "3").numeric
    assert not Claim(r"\sin 3", "3").numeric


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("2 + 2 = 4, so 4 * 3 = 12", "pass"),
        ("2 + 2 = 4, so 4 * 3 = 13", "fail"),
        ("5 + 3 - -2 * 2 = 5 + 3 - -4 = 12", "pass"),
        (r"$\frac{1}{3} = 0.33$", "pass"),
        (r"$\frac{1}{3} = 0.35$", "fail"),
        (r"$\sqrt{8} = 2\sqrt{2}$", "pass"),
        (r"$(3)(4) = 12 = 3 \cdot 2^2$", "pass"),
        ("We add the two.", "unknown"),
        ("0.1 + 0.2 = 0.4", "fail"),
        ("$3.25 + 4.50 = 7.76$", "fail"),
        (r"$\frac{2}{3} = 0.66$ and $\frac{2}{3} = 0.67$", "pass"),
        ("sqrt(9 + 16) = 5", "unknown"),
        ("f(2 + 1) = 9", "unknown"),
        ("- 12 + 8 = 20", "pass"),
        ("so $x$ - 3 + 4 = 9", "unknown"),
        (r"$1 \text{ hour} = 60 \text{ minutes}$", "unknown"),
        (r"$7 \div 2 = 3 \text{ R } 1$", "unknown"),
        ("$y = 3$ and $2y + 1 = 9$", "unknown"),
        ("$x = 2$", "pass"),
        (r"so $x = \frac{6}{2}$", "pass"),
        ("$x = 4$", "fail"),
        ("$z = 4$", "unknown"),
        ("", "unknown"),
    ],
)
def test_verdicts(text: str, verdict: Verdict):
    assert check(QUADRATIC, text) == verdict


def test_a_question_with_several_equations_is_not_put_back():
    assert check("$x + y = 3$ and $x = 1$", "$x = 2$") == Verdict.UNKNOWN


@pytest.fixture(scope="module")
def hasty() -> Iterator[Equivalence]:
    with closing(Equivalence(seconds=0.3, workers=2)) as relation:
        yield relation


@pytest.mark.parametrize(
    "text",
    [
        r"$9^{9^{9^{9}}} = 3$",
        "$" + "(" * 140 + "1" + ")" * 140 + " = 1$",
        "1+" * 5000 + "1 = 5",
        r"$9^{9^{9^{9}}} = 3$, " * 200,
    ],
)
def test_hostile_claims_end(text: str, hasty: Equivalence, monkeypatch: pytest.MonkeyPatch):
    """Here after 0.3 s of processor time an expression and 1 s a step, instead of 2 s and 10 s."""
    monkeypatch.setattr(checks, "_relation", hasty)
    monkeypatch.setattr(checks, "SECONDS", 1.0)
    started = time.monotonic()
    assert check("", text) in Verdict
    assert time.monotonic() - started < patience(10)


@pytest.mark.parametrize(
    "part", [r"\boxed{", "1 ", "so 1 + 1 = 2, ", "= ", r"\( ", "$ ", "(", r"\[ 1 = ", "{", r"\text{", "1,", "1 = "]
)
def test_a_long_text_is_read_in_linear_time(part: str):
    started = time.monotonic()
    list(claims(part * 50_000))
    assert time.monotonic() - started < patience(5)


def test_scores():
    steps = [Step(text, (1,), (0.0,), End.DELIMITER) for text in ("2 + 2 = 4", "2 + 2 = 5", "hm")]
    assert asyncio.run(Checks().score("", steps, 0)).scores == [1, 0, 0.5]
    assert asyncio.run(Checks(unknown=1).score("", steps, 1)).scores == [0, 1]
    check_scorer(Checks())
