"""Problem sets: what each form loads to, and what each defect of a file is answered with."""

from dataclasses import fields, make_dataclass
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from experiments.config.registry import GROUPS
from experiments.problems.arithmetic import held_out
from experiments.problems.json_lines import ProblemError
from experiments.problems.published import (
    Math,
)
from experiments.problems.sets import Arithmetic, Jsonl, Problem

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


def test_a_gold_answer_may_be_a_number(write):
    lines = [{"question": str(n), "answer": n} for n in (43.0, 11.5, 7, -0.25, 1e22)]
    assert [problem.answer for problem in Jsonl(write(*lines)).load()] == ["43", "11.5", "7", "-0.25", "1e+22"]
    for value in (True, float("nan")):
        with pytest.raises(ProblemError, match=r"field 'answer' is (bool|float), not text|not valid JSON"):
            Jsonl(write({"question": "a", "answer": value})).load()


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
        (
            rb'{"question": "a", "answer": "\frac{1}{2}"}',
            r"field 'answer' holds a control character where \\frac was meant; JSON needs two backslashes: \\\\frac",
        ),
        (rb'{"question": "$3 \times 4$", "answer": "12"}', r"field 'question' holds .* where \\times was meant"),
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


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("test.parquet", b"PAR1\x15\x04\x15\xf4\x00PAR1", r"a Parquet file; .*read_parquet\('test.parquet'\).to_json"),
        ("test.jsonl", b"PAR1\x15\x04\x15\xf4\x00PAR1", "a Parquet file"),
        ("test.arrow", b"ARROW1\0\0\xff", "an Arrow file"),
        ("test.csv", b"question,answer\n1+1,2\n", "separated values; read it with problems=csv"),
        ("test.xlsx", b"PK\x03\x04\x14\0", "a spreadsheet"),
        ("test.jsonl", b"\x1f\x8b\x08\x00", "a name that ends in .gz"),
        ("test.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_a_file_of_another_kind_is_named_with_the_way_out(tmp_path: Path, name: str, data: bytes, message: str):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ProblemError, match=message):
        Jsonl(str(tmp_path / name)).load()


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


# as Hydra and as the world has them


@pytest.mark.parametrize("cls", GROUPS["problems"].values())
def test_a_set_is_its_own_hydra_schema(cls: type):
    columns = [("_target_", str, f"{cls.__module__}.{cls.__qualname__}"), *[(f.name, f.type, f) for f in fields(cls)]]
    node = OmegaConf.structured(make_dataclass(cls.__name__, columns))
    node.limit = 3
    assert instantiate(node) == cls(limit=3)
