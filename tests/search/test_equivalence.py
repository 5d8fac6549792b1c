"""Which answers are the same: known pairs, real pairs, hostile text, and processes that die."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from experiments.problems.published import Gsm8k, Math, Math500, Published
from search.answers import equivalence_worker
from search.answers.boxes import boxed
from search.answers.equivalence import LONGEST, Equivalence, equivalent, group
from search.answers.equivalence_worker import Worker, as_latex

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MATH500 = DATA / "math500" / "test.jsonl"
TRIPLETS = DATA / "answer_equiv" / "math_verify_triplets.jsonl"


@pytest.fixture(scope="module")
def same() -> Iterator[Equivalence]:
    with closing(Equivalence()) as relation:
        yield relation


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac12", "1/2"),
        (r"\dfrac{3\pi}{4}", r"\frac{3}{4}\pi"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("x^2+1", "1 + x^2"),
        (r"(x+1)^2", "x^2+2x+1"),
        ("(1, 2)", "(1,2)"),
        (r"\{1,2\}", r"\{2, 1\}"),
        (r"\text{(B)}", "B"),
        (r"\text{Evelyn}", "Evelyn"),
        ("1,000", "1000"),
        (r"10,\!000", "10000"),
        (r"\$3.50", "3.5"),
        (r"15\text{ cm}^2", "15"),
        (r"90^\circ", "90"),
        (r"10\%", "10"),
        (r"10\%", "0.1"),
        ("28 percent", r"28\%"),
        ("x = 5", "5"),
        (r"1 \le x \le 2", "[1,2]"),
        ("0.333333", r"\frac{1}{3}"),
        ("$5$", "5"),
        ("a\n+b", "b+a"),
    ],
)
def test_the_same(same: Equivalence, first: str, second: str) -> None:
    assert same(first, second) is True
    assert same(second, first) is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\frac{1}{2}", r"\frac{1}{3}"),
        ("0.33", r"\frac{1}{3}"),
        ("(1,2)", "(2,1)"),
        ("[1,2]", "(1,2)"),
        ("x", "y"),
        ("x^2", "2x"),
        ("5x", "5"),
        ("5 or 6", "6"),
        ("2x + z = 1", "1"),  # Math-Verify, asked one way round, calls these two the same
        (r"\text{even}", r"\text{odd}"),
        ("", "0"),
        ("12:00", "1:00"),
        (r"\sum_{n=1}^{\infty} 1", "1"),
    ],
)
def test_not_the_same(same: Equivalence, first: str, second: str) -> None:
    assert same(first, second) is False
    assert same(second, first) is False


def test_what_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.answers.equivalence.Worker", None)
    same = Equivalence()
    assert same(" any text ", "any text")
    assert same("1.0", "1")
    assert same("0.10", "0.1")
    assert same("-0", "0")
    assert same("007", "7")
    assert not same("-3", "3")
    assert not same("1000000000000000000000001", "1000000000000000000000002")
    assert not same("0.3333333", "0.3333334")
    assert same("1 +" * LONGEST, "1 +" * LONGEST)
    assert not same("1" * (LONGEST + 1), "1")


def test_groups() -> None:
    def near(a: str, b: str) -> bool:  # not transitive
        return abs(int(a) - int(b)) <= 1

    assert group(["1", None, "2", "3", "2", "1", None], near) == [[0, 2, 4, 5], [3]]
    assert group([]) == group([None, None]) == []
    assert group(["1/2", "x", None, "0.5", "y", r"\frac{2}{4}", "x"]) == [[0, 3, 5], [1, 6], [4]]


ENDLESS = r"\sum_{j=1}^{\infty} \frac{1}{j^3} \sum_{k=1}^{j} \frac{1}{k^3}"
HOSTILE = {
    "powers": "9**9**9**9",
    "tower": "9^{9^{9^{9}}}",
    "factorial": "(10^{10})!",
    "endless sum": ENDLESS,
    "depth": "(" * 900 + "1" + ")" * 900,
    "code": "__import__('os').system('exit 1')",
    "unbalanced": "}}{{" * 100,
    "100 kB": "1+" * 50_000 + "1",
    "NUL": "\0" * 1000,
    "unicode": "\U0001f600\u202e½" * 100,
    "surrogate": "\ud800",
    "newlines": '2"]\n["1", "1"]\n',
    "line separators": "2\u2028\u0085\r3",
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Equivalence]:
    with closing(Equivalence(seconds=0.5)) as relation:
        yield relation


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_answers_are_decided_and_the_next_is_right(hasty: Equivalence, text: str) -> None:
    assert hasty(text, "2") is False
    assert hasty(text, "8^{8^{8^{8}}}") is False
    assert hasty(text, text) is True
    hasty._equal.cache_clear()
    assert hasty("1/2", "0.5") is True
    assert hasty("1/2", "1/3") is False


def test_at_the_limit_the_process_is_killed_and_replaced(hasty: Equivalence) -> None:
    assert hasty("x+1", "1+x")
    pid = hasty._idle[0]._process.pid
    assert not hasty(f"1+{ENDLESS}", "x+1")
    assert not hasty._idle
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert hasty("x+2", "2+x")
    new = hasty._idle[0]._process.pid
    assert new != pid
    assert not hasty(f"1+{ENDLESS}", "x+1")
    assert not hasty(f"1+{ENDLESS}", "x+2"), "read once, not against every other answer"
    assert hasty._idle[0]._process.pid == new


def test_a_process_that_died_is_replaced_and_its_death_is_no_verdict(same: Equivalence) -> None:
    assert same("y+1", "1+y")
    os.kill(same._idle[0]._process.pid, signal.SIGKILL)
    assert same("y+2", "2+y")


def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(seconds=0.1)
    os.kill(worker._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(equivalence_worker, "PATIENCE", 0.1)
    with pytest.raises(TimeoutError):
        worker.ask(["1"])
    assert not worker.alive


def test_from_several_threads() -> None:
    pairs = [(f"{n}/{n + 1}", f"{2 * n}/{2 * (n + right)}") for n in range(1, 9) for right in (1, 2)]
    with closing(Equivalence(workers=2)) as same, ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda pair: same(*pair), pairs * 2))
        assert verdicts == [True, False] * 16
        assert 1 <= len(same._idle) <= 2


def test_closing_ends_the_process_and_the_relation_still_answers(same: Equivalence) -> None:
    assert same("z+1", "1+z")
    worker = same._idle[0]
    same.close()
    assert not worker.alive
    assert same("z+2", "2+z")


def test_a_process_that_cannot_start_is_an_error_and_not_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    same = Equivalence()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="did not start"):
            same("x", "y")


SCRIPT = """
import os, sys
from search.answers.equivalence import equivalent
print(equivalent("1/2", "0.5"), "sympy" in sys.modules, equivalent._idle[0]._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_bare_script_in_a_hostile_folder_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)  # without a __main__ guard
    (tmp_path / "sympy.py").write_text("raise SystemExit('this is not sympy')")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("print('a greeting on stdout')")
    paths = os.pathsep.join([str(ROOT), str(tmp_path / "site")])
    script = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, capture_output=True
    )
    *_, verdict, sympy, pid = script.stdout.decode().split()
    assert (script.returncode, verdict, sympy) == (-9, "True", "False"), script.stderr.decode()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_math500_golds_equal_the_boxes_of_their_solutions() -> None:
    if not MATH500.exists():
        pytest.skip("no ../shared/data/math500 beside the checkout")
    problems = [json.loads(line) for line in MATH500.read_text().splitlines()]
    assert all(equivalent(problem["answer"], boxed(problem["solution"]) or "") for problem in problems)


UNREAD = {"counting_and_probability_test/412", "geometry_test/54"}  # `5,\!525` in a fraction; `\frac \pi4`


@pytest.mark.parametrize(
    ("problems", "count", "unread"),
    [
        (Gsm8k(str(DATA / "gsm8k" / "test.jsonl")), 1319, set()),
        (Math500(str(MATH500)), 500, set()),
        pytest.param(
            Math(str(DATA / "math_test5000")), 5000, UNREAD, marks=[pytest.mark.slow, pytest.mark.timeout(600)]
        ),
    ],
    ids=["gsm8k", "math500", "math"],
)
def test_the_golds_of_published_sets_are_read_and_equal_themselves(
    problems: Published, count: int, unread: set[str]
) -> None:
    """By Math-Verify's own algebra, not by being the same text; one that it cannot read equals only the same text."""
    if not Path(problems.path).exists():
        pytest.skip(f"no {problems.path.removeprefix(str(ROOT.parent))} beside the checkout")
    library: Any = import_module("math_verify")
    grammar = [library.LatexExtractionConfig()]
    golds = {problem.id: problem.answer or "" for problem in problems.load()}
    with closing(Equivalence()) as same:
        unequal = {name for name, gold in golds.items() if not same._ask(gold, gold)}
    parsed = {name: library.parse(as_latex(gold), grammar, parsing_timeout=None) for name, gold in golds.items()}
    assert len(golds) == count
    assert not unequal
    assert {name for name, found in parsed.items() if not found or isinstance(found[0], str)} == unread


MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def final_answer(text: str) -> str | None:
    """The answer of a text as we take it: the last box, else the only mathematics, else a short text without words."""
    if "boxed{" in text:
        return boxed(text)
    if spans := list(MATHEMATICS.finditer(text)):
        return next(filter(None, spans[0].groups())) if len(spans) == 1 else None
    return text if len(text) <= 12 or (len(text) <= 40 and not re.search(r"(?<!\\)\b[a-z]{4}", text)) else None


EXPLAINED = {
    "of prose without a box, finding the answer is Math-Verify's part; here a model's answer stands in a box": {
        8, 14, 15, 16, 17, 61, 62, 142, 143, 144, 148, 149, 153, 157, 158, 160, 164, 168, 170, 171, 173, 175,
        212, 218, 219,
    },
    "the last box is the answer; Math-Verify takes several together": {
        183, 184, 191, 206, 207, 224, 236, 237, 238, 240, 242, 243, 247, 248, 249, 250, 251,
    },
    "a comma is no decimal point and a space no thousands mark, as the sets write numbers": {3, 6, 7},
    "which signs begin and end mathematics is Math-Verify's part: over lines, and an escaped dollar": {32, 33, 36},
    "asked for other rules than ours: two places of precision, variables by any name, no interval for a relation": {
        134, 140, 188, 254,
    },
    "1 - 1/e is not 1 + 1/e": {264},
}  # fmt: skip


def test_agreement_with_math_verify(same: Equivalence) -> None:
    """Of the 268 cases of Math-Verify's own tests, by line of the file: where we differ, and why."""
    if not TRIPLETS.exists():
        pytest.skip("no ../shared/data/answer_equiv beside the checkout")
    cases = [json.loads(line) for line in TRIPLETS.read_text().splitlines()]
    differ: set[int] = set()
    for number, case in enumerate(cases, 1):
        gold, answer = final_answer(case["gold"]), final_answer(case["pred"])
        verdict = gold is not None and answer is not None and same(gold, answer)
        if verdict is not case["expected"]:
            differ.add(number)
    assert len(cases) == 268
    assert differ == set.union(*EXPLAINED.values())
