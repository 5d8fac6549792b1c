"""Pairs of answers, by the kind of writing that they differ in: the same, or not the same."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from search.answers.equivalence import LONGEST, Equivalence
from search.answers.grouping import MathFirsts, group
from search.answers.notation import as_latex

FIELD = Path(__file__).parents[3] / "shared" / "field" / "grader.jsonl"

SAME, DIFFERENT = (Path(__file__).with_name(f"{name}_answers.txt") for name in ("same", "different"))
"""A pair a line, `first | second`."""


@pytest.fixture(scope="module")
def same() -> Iterator[Equivalence]:
    with closing(Equivalence()) as relation:
        yield relation


def pairs(table: Path) -> list[list[str]]:
    return [line.split(" | ") for line in table.read_text("utf-8").strip("\n").split("\n")]


@pytest.mark.parametrize(("table", "verdict"), [(SAME, True), (DIFFERENT, False)], ids=["same", "different"])
def test_pairs(same: Equivalence, table: Path, verdict: bool) -> None:
    wrong = [pair for pair in pairs(table) if [same(*pair), same(*reversed(pair))] != [verdict] * 2]
    assert not wrong


def test_pairs_from_the_field(same: Equivalence) -> None:
    if not FIELD.exists():
        pytest.skip("no ../shared/field beside the checkout")
    cases = [json.loads(line) for line in FIELD.read_text("utf-8").splitlines()]
    assert cases
    assert not [case for case in cases if same(case["first"], case["second"]) is not case["same"]]


def test_what_the_text_alone_tells_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.answers.equivalence.Worker", None)
    same = Equivalence()
    assert (
        same(r"10\,000", "10000") and same("4.5e33", "45" + "0" * 32) and same("204.", "204") and same("**73**", "73")
    )
    assert not same("1e-19", "1e-31") and not same("0", "1e-99") and not same("3 4", "7") and not same("52_8", "52_9")


@pytest.mark.parametrize(
    "text", ["1 " * 999, "9" * 1999, "1,000," * 300, "((" * 999, "\\text{" * 300, "{" * 1999, "0." + "3" * 1990]
)
def test_writing_an_answer_in_one_way_takes_no_time(text: str) -> None:
    """Of any text that is not too long to be read at all."""
    assert len(text) <= LONGEST
    started = time.process_time()
    as_latex(text)
    assert time.process_time() - started < 0.1


def test_an_answer_is_written_in_one_way_once() -> None:
    texts = {answer for table in (SAME, DIFFERENT) for pair in pairs(table) for answer in pair}
    again = {text: as_latex(as_latex(text)) for text in texts}
    assert {text: latex for text, latex in again.items() if latex != as_latex(text)} == {}


@pytest.mark.parametrize("write", [str, lambda n: f"{n:,}", lambda n: f"{n}e5", lambda n: f"{n} {n}"])
def test_four_thousand_different_answers_are_grouped_at_once(write: object) -> None:
    answers: list[str | None] = [write(n) for n in range(1, 4097)]  # type: ignore[operator]
    same = Equivalence()
    started = time.process_time()
    assert len(group(answers, MathFirsts(same))) == 4096
    assert time.process_time() - started < 1 and not same._idle, "no process was asked"
