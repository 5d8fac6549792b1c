"""Problem sets: what each form loads to, and what each defect of a file is answered with."""

import gzip
import json
from dataclasses import fields, make_dataclass
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from experiments.config.registry import GROUPS, load
from experiments.problems.arithmetic import held_out
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
from experiments.problems.sets import Arithmetic, Jsonl, Problem
from search.errors import KnobError

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def write(tmp_path: Path):
    """Writes lines, given as objects or as raw bytes, to a file and returns its name."""

    def _write(*lines: object, name: str = "set.jsonl") -> str:
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path = tmp_path / name
        with gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb") as file:
            file.writelines(line + b"\n" for line in raw)
        return str(path)

    return _write


# arithmetic


def test_arithmetic_is_the_shipped_set_by_default():
    problems = Arithmetic().load()
    assert {p.question for p in problems} == held_out()
    assert problems[0] == Problem("arithmetic-0-0", "(-1 - -2 * 9) =", "17", 1)
    assert [p.level for p in problems[:6]] == [1, 2, 3, 4, 5, 1]
    assert len({p.id for p in problems}) == len(problems) == 200


def test_arithmetic_levels_and_limits_pick_from_the_same_problems():
    everything = Arithmetic(seed=7, count=40).load()
    picked = Arithmetic(seed=7, count=40, min_level=2, max_level=3, limit=5).load()
    assert [p.id for p in picked] == [
        "arithmetic-7-1",
        "arithmetic-7-2",
        "arithmetic-7-6",
        "arithmetic-7-7",
        "arithmetic-7-11",
    ]
    assert set(picked) < set(everything)


def test_arithmetic_without_a_problem_left_says_what_to_raise():
    with pytest.raises(ProblemError, match=r"problems\.count=3.*4 to 5 groups; raise it to 4"):
        Arithmetic(count=3, min_level=4).load()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"limit": 0}, "Arithmetic.limit is 0"),
        ({"limit": -1}, "Arithmetic.limit is -1"),
        ({"count": 0}, "Arithmetic.count is 0"),
        ({"min_level": 0}, "Arithmetic.min_level is 0"),
        ({"max_level": 6}, "Arithmetic.max_level is 6"),
        ({"min_level": 4, "max_level": 3}, "Arithmetic.max_level is 3; it must be >= 4"),
    ],
)
def test_a_knob_out_of_bounds_is_named(knobs: dict[str, int], message: str):
    with pytest.raises(KnobError, match=message):
        Arithmetic(**knobs)


# files that load


def test_jsonl_loads_the_named_fields(write):
    path = write({"q": "1 + 1", "a": "2", "n": 5, "how": "easy"}, {"q": "2 + 2", "a": " 4 ", "n": 6, "how": 2})
    assert Jsonl(path, question="q", answer="a", id="n", level="how").load() == [
        Problem("5", "1 + 1", "2", "easy"),
        Problem("6", "2 + 2", "4", 2),
    ]


def test_jsonl_counts_lines_for_ids_and_passes_blank_ones_over(write):
    path = write({"question": "a"}, b"  \r", {"question": "é\u2028b"})
    assert Jsonl(path, answer=None).load() == [Problem("jsonl-1", "a"), Problem("jsonl-3", "é\u2028b")]


def test_jsonl_takes_a_byte_order_mark_and_windows_line_ends(write):
    path = write(b'\xef\xbb\xbf{"question": "a", "answer": "b"}\r')
    assert Jsonl(path).load() == [Problem("jsonl-1", "a", "b")]


def test_jsonl_reads_gzip_by_its_suffix(write):
    path = write({"question": "a", "answer": "b"}, name="set.jsonl.gz")
    assert Jsonl(path).load() == [Problem("jsonl-1", "a", "b")]


def test_limit_takes_the_first_and_reads_no_further(write):
    path = write({"question": "a", "answer": "b"}, b"broken")
    assert [p.question for p in Jsonl(path, limit=1).load()] == ["a"]
    assert len(Jsonl(write({"question": "a", "answer": "b"}), limit=9).load()) == 1


@pytest.mark.parametrize(
    ("text", "gold"),
    [("so\n#### 18", "18"), ("#### -1,234,567 ", "-1234567"), ("#### 1\n#### 2", "2"), ("#### (1,2345)", "(1,2345)")],
)
def test_gsm8k_takes_what_follows_the_hashes(write, text: str, gold: str):
    assert Gsm8k(write({"question": "q", "answer": text})).load() == [Problem("gsm8k-1", "q", gold)]


def test_any_set_may_take_the_hashes_rule(write):
    path = write({"question": "q", "answer": "so #### 3"})
    assert Jsonl(path, answer_rule=AnswerRule.AFTER_HASHES).load()[0].answer == "3"


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


# files that do not

GOOD = {"question": "a", "answer": "b"}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"question": "a", "target": "b"}, r"no field 'answer'; fields there: question, target; set problems\.answer"),
        ({}, "no field 'question'; fields there: none"),
        ({"question": 3, "answer": "b"}, r"field 'question' is int, not text.*problems\.question"),
        ({"question": "a", "answer": None}, "field 'answer' is null, not text"),
        ({"question": "a", "answer": ["b"]}, "field 'answer' is list, not text"),
        ({"question": "a", "answer": " \n"}, "field 'answer' is empty"),
        ({"question": "\ud800", "answer": "b"}, "field 'question' holds half a surrogate pair"),
        (b'{"question": "a", "answer": "b"', "not valid JSON"),
        (b'{"question": "a\0", "answer": "b"}', "not valid JSON"),
        (b'{"question": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'["a", "b"]', "a JSON list, not an object"),
        (b"3", "a JSON int, not an object"),
        (b'{"question": "\xff"}', "byte 15 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_field(write, second: object, message: str):
    path = write(GOOD, second)
    with pytest.raises(ProblemError, match=message) as caught:
        Jsonl(path).load()
    assert str(caught.value).startswith(f"{path}, line 2: ")


def test_an_answer_without_hashes_is_named(write):
    with pytest.raises(ProblemError, match=r"line 1: field 'answer' has no answer after '####'.*answer_rule=whole"):
        Gsm8k(write(GOOD)).load()


def test_ids_that_are_the_same_are_named_with_both_lines(write):
    path = write(GOOD | {"n": 1}, GOOD | {"n": "1"})
    with pytest.raises(ProblemError, match=r"line 2: field 'n': id '1' stands in .*line 1 already.*problems\.id=null"):
        Jsonl(path, id="n").load()


@pytest.mark.parametrize("value", [None, True, 1.5, ""])
def test_an_id_or_level_is_text_or_a_whole_number(write, value: object):
    path = write(GOOD | {"n": value})
    for problems in (Jsonl(path, id="n"), Jsonl(path, level="n")):
        with pytest.raises(ProblemError, match="line 1: field 'n' is"):
            problems.load()


def test_a_file_that_cannot_be_read_is_named(write, tmp_path: Path):
    with pytest.raises(ProblemError, match=r"problems\.path: no file named"):
        Jsonl().load()
    with pytest.raises(ProblemError, match=r"nowhere\.jsonl: no such file.*problems\.path"):
        Jsonl(str(tmp_path / "nowhere.jsonl")).load()
    with pytest.raises(ProblemError, match="cannot be read"):
        Jsonl(str(tmp_path)).load()
    with pytest.raises(ProblemError, match=r"problems\.path=.*: no \.jsonl or \.jsonl\.gz file in it"):
        Math(str(tmp_path)).load()
    whole = Path(write(*[GOOD] * 50, name="set.jsonl.gz"))
    for name, content in (("cut.gz", whole.read_bytes()[:-12]), ("plain.gz", b'{"question": "a"}')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ProblemError, match=f"{name}: cannot be read"):
            Jsonl(str(tmp_path / name)).load()


@pytest.mark.parametrize("lines", [(), (b"", b" ")])
def test_an_empty_file_is_named(write, lines: tuple[bytes, ...]):
    with pytest.raises(ProblemError, match=r"set\.jsonl: holds no problem"):
        Jsonl(write(*lines)).load()


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(KnobError, match=r"Gsm8k\.limit is 0"):
        Gsm8k("any", limit=0)


# as Hydra and as the world has them


@pytest.mark.parametrize("name", GROUPS["problems"].values())
def test_a_set_is_its_own_hydra_schema(name: str):
    cls = load(name)
    columns = [("_target_", str, f"{cls.__module__}.{cls.__qualname__}"), *[(f.name, f.type, f) for f in fields(cls)]]
    node = OmegaConf.structured(make_dataclass(cls.__name__, columns))
    node.limit = 3
    assert instantiate(node) == cls(limit=3)


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
