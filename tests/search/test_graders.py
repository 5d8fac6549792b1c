"""Extractions and graders: what ships with the package, and a class of one's own that raises, hangs or dies."""

import asyncio
import pickle
import time
from contextlib import closing
from pathlib import Path

import pytest

from policies.toy import Toy
from scorers.toy import Toy as ToyScorer
from search import Again, BestOfN, Selection, oracle, solve
from search.answers import extraction
from search.answers.answers import DEFAULT, Answers, answers_of
from search.answers.equivalence_worker import Worker
from search.answers.extraction import After, Boxed, Extraction, LastNumber, PatternError, Regex, Whole
from search.answers.graders import Choice, Exact, Grader, MathVerify, Numeric
from search.answers.own import OwnClassError, OwnExtraction, OwnGrader
from search.errors import KnobError
from tests.patience import patience

TEXT = "We have 3 apples.\n\nAnswer is: 1,234.50.\n#### 1,234.5 m\nSo \\boxed{7}"


@pytest.mark.parametrize(
    ("rule", "answer", "of_nothing"),
    [
        (Boxed(), "7", None),
        (LastNumber(), "7", None),
        (After(), "1,234.5 m", None),
        (After("Answer is:"), "1,234.50.", None),
        (Regex(), "1,234.50", None),
        (Regex(r"\d+ apples"), "3 apples", None),
        (Whole(), TEXT, None),
    ],
)
def test_extractions(rule: Extraction, answer: str, of_nothing: None) -> None:
    assert rule.extract(TEXT) == answer
    assert rule.extract("") is of_nothing
    assert rule.extract(" \n") is of_nothing


def test_the_last_number_is_read_as_it_is_written() -> None:
    texts = {"it is -3.": "-3", "1,000 and 2,500": "2500", "x2 = 4.25": "4.25", "v2": None, "3−5 is −2": "-2"}
    assert {text: LastNumber().extract(text) for text in texts} == texts


@pytest.mark.parametrize("knobs", [{"pattern": "("}, {"pattern": "*"}])
def test_a_wrong_pattern_is_named(knobs: dict[str, str]) -> None:
    with pytest.raises(KnobError, match=r"Regex\.pattern is .*no regular expression"):
        Regex(**knobs)
    with pytest.raises(KnobError, match=r"After\.mark is empty"):
        After("")


def test_a_pattern_that_backtracks_for_ever_ends_with_its_name_and_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "SECONDS", 0.3)
    rule = Regex(r"(a+)+$")
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(PatternError, match=r"Regex\.pattern '\(a\+\)\+\$' took longer than 0\.3 seconds"):
            rule.extract("a" * 60 + "b")
    assert rule.extract("b aaa") == "aaa", "the next text is matched"
    assert time.monotonic() - started < patience(30)


def test_a_pattern_takes_any_text_and_remembers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Regex("\0|é(.)$|\ud800")
    assert [rule.extract(text) for text in ("\0", "é1\r\né2", "\ud800", "none")] == [None, "2", None, None]
    assert Regex("\0|é.").extract("-\0-") == "\0"
    monkeypatch.setattr(Worker, "ask", None)
    assert rule.extract("é1\r\né2") == "2"


@pytest.mark.parametrize(
    ("grader", "first", "second", "same"),
    [
        (MathVerify(), r"\frac{1}{2}", "0.5", True),
        (Exact(), " a b", "a b ", True),
        (Exact(), "0.5", ".5", False),
        (Exact(), "A", "a", False),
        (Numeric(), "1,000", "1000.0", True),
        (Numeric(), "3/4", "0.75", True),
        (Numeric(), "1e-19", "1e-31", False),
        (Numeric(), "0", "1e-31", False),
        (Numeric(), "3.14", "3.15", False),
        (Numeric(0.01), "3.14", "3.15", True),
        (Numeric(0.01), "-3.14", "3.14", False),
        (Numeric(0.01), "x", "x", True),
        (Numeric(0.01), "x", "3", False),
        (Choice(), "(B)", "b.", True),
        (Choice(), "B", r"\text{(B)}", True),
        (Choice(), "B) 12", "B", True),
        (Choice(), "answer: C", "C", True),
        (Choice(), "A", "B", False),
        (Choice(), "Apples", "A", False),
        (Choice(), "12", "12", True),
    ],
)
def test_graders(grader: Grader, first: str, second: str, same: bool) -> None:
    assert grader.same(first, second) is grader.same(second, first) is same


def test_a_tree_carries_how_its_answers_are_read() -> None:
    tree = asyncio.run(solve("(1 + 2) =", BestOfN(8), Toy(), ToyScorer()))
    assert answers_of(tree) is DEFAULT
    before = {vote.answer for vote in Selection()(tree).votes}
    assert all(len(answer) < 3 for answer in before)
    reading = Answers(Whole(), Exact())
    again = asyncio.run(solve("(1 + 2) =", BestOfN(8), Toy(), ToyScorer(), answers=reading))
    leaves = [leaf.text().strip() for leaf in again.leaves() if leaf.finished]
    assert {vote.answer for vote in Selection()(again).votes} == set(leaves)
    assert oracle(again, lambda answer: answer == leaves[0])
    assert Again().confidence(again) < 1
    again.answers = None
    assert {vote.answer for vote in Selection()(again).votes} == before, "what was read by another rule is forgotten"
    assert reading.right(leaves[0], leaves[0]) and not reading.right(leaves[0], None)


MINE = """
import os, time

class Folded:
    def __init__(self, ends=""):
        self.ends = ends
    def same(self, gold, answer):
        print("a word on stdout")
        return gold.lower().rstrip(self.ends) == answer.lower().rstrip(self.ends)

class Odd:
    def same(self, gold, answer):
        if answer == "raise": raise ValueError("boom")
        if answer == "hang": time.sleep(1000)
        if answer == "die": os._exit(3)
        return "yes" if answer == "text" else gold == answer

class LastLine:
    def extract(self, text):
        return text.splitlines()[-1] if text else None
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
def test_a_class_of_ones_own_grades_and_groups() -> None:
    with (
        closing(OwnGrader("mine:Folded", {"ends": "!"})) as grader,
        closing(OwnExtraction("mine:LastLine", {})) as last,
    ):
        answers = Answers(last, grader)
        assert answers.of("a\nb") == "b" and answers.of("") is None
        assert answers.right("Yes!", "yes") and not answers.right("no", "yes")
        assert answers.group(["Yes", None, "no", "yes!", "NO"]) == [[0, 3], [2, 4]]
        with closing(pickle.loads(pickle.dumps(grader))) as copy:
            assert copy.same("A!", "a")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("raise", r"mine:Odd\.same raised ValueError: boom"),
        ("hang", r"mine:Odd\.same took longer than 1 seconds"),
        ("die", r"mine:Odd\.same: its process ended"),
        ("text", r"mine:Odd\.same returned 'yes', not True or False"),
    ],
)
def test_what_goes_wrong_there_is_named_and_the_next_answer_is_graded(answer: str, message: str) -> None:
    with closing(OwnGrader("mine:Odd", {}, seconds=1)) as grader:
        with pytest.raises(OwnClassError, match=message):
            grader.same("a", answer)
        assert grader.same("a", "a") is True
