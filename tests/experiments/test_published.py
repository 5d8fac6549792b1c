"""Published problem sets: each form is read as it is published, and an entry without its answer is named."""

from pathlib import Path

import pytest

from experiments.problems.gold import AnswerRule
from experiments.problems.json_lines import ProblemError
from experiments.problems.published import (
    Aime24,
    Aime25,
    Amc23,
    Bigbench,
    Gsm8k,
    Math,
    Math500,
    Minerva,
    OlympiadBench,
    Published,
)
from experiments.problems.sets import Jsonl, Problem
from tests.command_line import DATA

OLYMPIAD = {"id": 1, "subfield": "Algebra", "context": None, "question": "q", "solution": ["s"], "unit": None}


FORMS = [
    (Math, {"problem": "q", "level": "Level 5", "solution": r"so \boxed{1}, no, \boxed{\frac{1}{2}}."},
     Problem("set/1", "q", r"\frac{1}{2}", 5)),
    (Math, {"problem": "q", "level": "Level ?", "solution": r"\boxed{0}"}, Problem("set/1", "q", "0", "Level ?")),
    (Aime24, {"id": 60, "problem": "q", "solution": r"\boxed{25}", "answer": "025", "url": "u", "year": "2024"},
     Problem("60", "q", "25")),
    (Aime25, {"problem": "q", "answer": "0", "id": "7"}, Problem("7", "q", "0")),
    (Aime25, {"problem": "q", "answer": 70, "id": "7"}, Problem("7", "q", "70")),
    (Amc23, {"id": 0, "answer": 27.0, "url": "u", "question": "q"}, Problem("0", "q", "27")),
    (Amc23, {"id": 1, "answer": -1.0, "url": "u", "question": "q", "problem": "q"}, Problem("1", "q", "-1")),
    (OlympiadBench, OLYMPIAD | {"final_answer": [r"$\frac{1}{2 n+2}$"]}, Problem("1", "q", r"\frac{1}{2 n+2}")),
    (OlympiadBench, OLYMPIAD | {"final_answer": ["$69$,$84$"]}, Problem("1", "q", "69,84")),
    (OlympiadBench, OLYMPIAD | {"final_answer": ["$2$", r"\$3"]}, Problem("1", "q", r"2, \$3")),
    (Minerva, {"question": "q", "answer": "1.6"}, Problem("minerva-1", "q", "1.6")),
    (Minerva, {"problem": "q", "solution": r"\boxed{4.5e33} erg", "type": "t", "idx": 0},
     Problem("minerva-1", "q", "4.5e33")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "gold"),
    [("so\n#### 18", "18"), ("#### -1,234,567 ", "-1234567"), ("#### 1\n#### 2", "2"), ("#### (1,2345)", "(1,2345)")],
)
def test_gsm8k_takes_what_follows_the_hashes(write, text: str, gold: str):
    assert Gsm8k(write({"question": "q", "answer": text})).load() == [Problem("gsm8k-1", "q", gold)]


def test_any_set_may_take_the_hashes_rule(write):
    path = write({"question": "q", "answer": "so #### 3"})
    assert Jsonl(path, answer_rule=AnswerRule.AFTER_HASHES).load()[0].answer == "3"


def test_an_answer_without_hashes_is_named(write):
    with pytest.raises(ProblemError, match=r"line 1: field 'answer' has no answer after '####'.*answer_rule=whole"):
        Gsm8k(write({"question": "a", "answer": "b"})).load()


@pytest.mark.parametrize(("cls", "row", "problem"), FORMS)
def test_a_published_set_is_read_as_it_is_published(
    cls: type[Published], row: dict[str, object], problem: Problem, write
):
    assert cls(write(row)).load() == [problem]


def test_math_reads_a_folder_of_files_by_name(write, tmp_path: Path):
    for name, answer in (("b.jsonl", "2"), ("a.jsonl.gz", "1"), ("readme.txt", "0")):
        write({"problem": name, "level": "Level 1", "solution": f"\\boxed{{{answer}}}"}, name=name)
    assert [(p.id, p.answer) for p in Math(str(tmp_path)).load()] == [("a/1", "1"), ("b/1", "2")]


@pytest.mark.parametrize(
    ("cls", "row", "message"),
    [
        (
            Math,
            {"problem": "q", "level": "Level 1", "solution": "1"},
            r"'solution' has no answer in a complete .*boxed",
        ),
        (Math, {"problem": "q", "level": "Level 1", "solution": r"\boxed{ }"}, r"has no answer in a complete .*boxed"),
        (Aime24, {"id": 1, "problem": "q", "answer": "12.5"}, "'answer' is '12.5', not a whole number"),
        (Aime24, {"id": 1, "problem": "q", "answer": True}, "'answer' is True, not a whole number"),
        (Amc23, {"id": 1, "question": "q", "answer": None}, "'answer' is None, not a whole number"),
        (OlympiadBench, OLYMPIAD | {"final_answer": None}, "'final_answer' is null, not a list of texts"),
        (OlympiadBench, OLYMPIAD | {"final_answer": ["$ $", ""]}, "'final_answer' has no answer in its list"),
        (Minerva, {"problem": "q", "solution": "1.6"}, r"'solution' has no answer in a complete .*boxed"),
        (Minerva, {"problem": "q", "answer": "1.6"}, r"no field 'question'.*problems\.question"),
    ],
)
def test_a_published_set_without_its_answer_is_named(cls: type[Published], row: dict[str, object], message: str, write):
    with pytest.raises(ProblemError, match=rf"line 1: .*{message}"):
        cls(write(row)).load()


@pytest.mark.parametrize(
    ("problems", "count", "first"),
    [
        (Gsm8k(str(DATA / "gsm8k" / "test.jsonl")), 1319, ("gsm8k-1", "18", None)),
        (
            Math500(str(DATA / "math500" / "test.jsonl")),
            500,
            ("test/precalculus/807.json", "\\left( 3, \\frac{\\pi}{2} \\right)", 2),
        ),
        (Math(str(DATA / "math_test5000")), 5000, ("algebra_test/1", "2", 3)),
        (Bigbench(str(DATA / "bigbench_mistake" / "multistep_arithmetic.jsonl")), 300, ("bigbench-1", "-2116", None)),
    ],
    ids=["gsm8k", "math500", "math", "bigbench"],
)
def test_the_published_files_load(problems: Jsonl, count: int, first: tuple[str, str, int | None]):
    if not Path(problems.path).exists():
        pytest.skip(f"no {problems.path.removeprefix(str(DATA.parents[1]))} beside the checkout")
    loaded = problems.load()
    assert len(loaded) == count
    assert (loaded[0].id, loaded[0].answer, loaded[0].level) == first
    assert all(p.answer for p in loaded)
    assert not any("," in (p.answer or "") for p in loaded) or not isinstance(problems, Gsm8k)
    assert {p.level for p in loaded} == ({1, 2, 3, 4, 5} if isinstance(problems, Math | Math500) else {None})
