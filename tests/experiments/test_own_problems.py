"""Problems from a class of one's own and from tables, in Python and in a sweep."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from experiments.problems.json_lines import ProblemError
from experiments.problems.own import OwnProblems
from experiments.problems.sets import Problem
from experiments.problems.tables import Csv
from experiments.runs.results import read_results
from search.errors import KnobError
from tests.command_line import TOY, run

SMALL = (*TOY, "searchers=beam", "budgets=1")


# a class of one's own


def test_own_problems_have_ids_or_get_them():
    given = [("a", "1"), ["b", 2.50, 7], ("c", None), Problem("d", "e", "3", level=4)]
    assert OwnProblems("mine:It", given).load() == [
        Problem("own-1", "a", "1"),
        Problem("7", "b", "2.5"),
        Problem("own-3", "c"),
        Problem("d", "e", "3", level=4),
    ]
    endless = ((str(n), n) for n in iter(int, 1))
    assert len(OwnProblems("mine:It", endless, limit=1).load()) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "mine:It: gives no problem"),
        (3, "mine:It gives a int: give"),
        ({"a": "1"}, "mine:It gives a dict"),
        ([("a", "1"), "b"], r"mine:It, problem 2 is 'b'; give \(question, answer\)"),
        ([("a",)], "problem 1 is"),
        ([(1, "1")], "problem 1: its question is 1; give text"),
        ([("a", "  ")], "problem 1: its answer is '  '"),
        ([("a", float("nan"))], "its answer is nan"),
        ([("a", True)], "its answer is True"),
        ([("a", "1", "x"), ("b", "2", "x")], "problem 2: another one has the id 'x', too"),
        ([("a", "1", 1.5)], "its id is 1.5"),
        ([("\ud800", "1")], "half a surrogate pair"),
    ],
)
def test_what_is_no_problem_is_named(given: Any, message: str):
    with pytest.raises(ProblemError, match=message):
        OwnProblems("mine:It", given).load()


OWN = """
class Sums:
    def __init__(self, most: int = 3):
        self.most = most

    def load(self):
        for n in range(self.most):
            yield f"{n} + {n} =", 2 * n


def pairs():
    return [("1 + 1 =", "2")]


class Broken:
    def __init__(self):
        raise OSError("no disk")
"""


def test_a_sweep_of_own_problems_resumes_grows_and_knows_a_changed_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(here)
    Path("own_sums.py").write_text(OWN)
    words = (*SMALL, "problems=custom", "problems.cls=own_sums:Sums", "problems.args.most=4")
    assert run("sweep", *words, "problems.limit=2", "out=run") == 0
    assert sorted(r.question for r in read_results(Path("run"))) == ["0 + 0 =", "0 + 0 =", "1 + 1 =", "1 + 1 ="]
    assert run("sweep", "run=run", "problems.limit=3") == 0
    assert {r.problem for r in read_results(Path("run"))} == {"own-1", "own-2", "own-3"}
    assert run("sweep", "run=run", "problems.limit=3", "problems.args.most=5") == 2
    assert "problems.args.most: 4 in the run, 5 now" in capsys.readouterr().err
    Path("own_sums.py").write_text(OWN + "\n# mended\n")
    assert run("sweep", "run=run", "problems.limit=3") == 2
    assert "own_sums.py has changed" in capsys.readouterr().err


def test_an_own_set_may_be_a_function_and_its_mistakes_are_messages(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(here)
    Path("own_pairs.py").write_text(OWN)
    assert run("sweep", *SMALL, "problems=custom", "problems.cls=own_pairs:pairs", "out=run") == 0
    for words, message in [
        (["problems.cls=own_pairs:Broken"], "making it raised OSError: no disk"),
        (["problems.cls=own_pairs:Sum"], "Did you mean Sums?"),
        (["problems.cls=own_pairs:Sums", "problems.args.least=2"], "no such argument"),
        (["problems.most=2"], "arguments of your class are problems.args.most="),
        (["problems.limit=0"], "CustomProblems.limit is 0"),
    ]:
        assert run("sweep", *SMALL, "problems=custom", "problems.cls=own_pairs:pairs", *words) == 2
        assert message in capsys.readouterr().err
    assert run("sweep", *SMALL, "problems=own_pairs:pairs") == 2
    assert "write problems=custom problems.cls=own_pairs:pairs" in capsys.readouterr().err


# tables


def table(folder: Path, text: str | bytes, name: str = "set.csv") -> str:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(folder / name)


def test_a_table_has_columns_quotes_lines_within_cells_and_windows_ends(tmp_path: Path):
    text = '\ufeffquestion,answer,level\r\n"1, ""one"",\nor 2?",11.50,3\r\n\r\nb,\\frac{1}{2},4\r\n'
    assert Csv(table(tmp_path, text), level="level").load() == [
        Problem("csv-1", '1, "one",\nor 2?', "11.50", "3"),
        Problem("csv-2", "b", "\\frac{1}{2}", "4"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "knobs"),
    [
        ("set.tsv", "q\tgold\na, b\t1\n", {}),
        ("set.tsv.gz", "q\tgold\na, b\t1\n", {}),
        ("set.csv.gz", 'q,gold\n"a, b",1\n', {}),
        ("set.csv", "q;gold\na, b;1\n", {"separator": ";"}),
    ],
)
def test_separators_and_columns_are_knobs(tmp_path: Path, name: str, text: str, knobs: Any):
    loaded = Csv(table(tmp_path, text, name), question="q", answer="gold", **knobs).load()
    assert loaded == [Problem("csv-1", "a, b", "1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q,answer\na,1\n", "line 2: no field 'question'; fields there: q, answer; set problems.quest"),
        ("question,answer\na,1,2\n", "line 2: 3 cells under 2 columns"),
        ("question,answer\na\n", "line 2: 1 cells under 2 columns"),
        ("question,question\na,1\n", "line 1: two columns are called 'question'"),
        ("question,answer\na,\n", "line 2: field 'answer' is empty"),
        ('question,answer\n"a"b,1\n', "line 2: .*write a quote within a cell twice"),
        ("question,answer\n", "holds no problem; write a row of column names, and below it a row for each problem"),
        ("question;answer\n1 + 1 =;2\n", r"line 1: one column, 'question;answer'; set problems\.separator=';'"),
        ("question\tanswer\n1 + 1 =\t2\n", r"set problems\.separator='\\t'"),
        (b"question,answer\n\xff,1\n", "not UTF-8"),
        ('{"question": "a"}\n', "looks like JSON lines; read it with problems=jsonl"),
        (b"PK\x03\x04", "a spreadsheet"),
    ],
)
def test_a_bad_table_is_named_with_its_line(tmp_path: Path, text: str, message: str):
    path = table(tmp_path, text)
    with pytest.raises(ProblemError, match=message) as caught:
        Csv(path).load()
    assert str(caught.value).startswith(path)


def test_a_sweep_of_a_table(here: Path, capsys: pytest.CaptureFixture[str]):
    path = table(here, "question,answer\n1 + 1 =,2\n")
    assert run("sweep", *SMALL, "problems=csv", f"problems.path={path}", "out=run") == 0
    assert run("sweep", *SMALL, "problems=set.csv") == 2
    assert "write problems=csv problems.path=set.csv" in capsys.readouterr().err
    with pytest.raises(KnobError, match="one character"):
        Csv(separator="||")
    with pytest.raises(ProblemError, match=r"problems\.path=FILE\.csv"):
        Csv().load()
