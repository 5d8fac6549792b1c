"""Which answers are the same: known pairs, hostile text, and processes that die."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from search.answers import equivalence_worker
from search.answers.equivalence import LONGEST, Equivalence
from search.answers.equivalence_worker import Worker
from tests.patience import patience

ROOT = Path(__file__).parents[2]


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


def test_plain_cases_are_decided_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.slow
def test_it_may_be_called_from_several_threads() -> None:
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


@pytest.mark.slow
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
    deadline = time.monotonic() + patience(60)
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
