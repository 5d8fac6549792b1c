"""A sweep that is killed, refused by the disk, or fed bad problems: what has ended is kept, and it goes on."""

import json
import resource
import signal
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from experiments.errors import RunError
from experiments.runs.appending import appending
from experiments.runs.results import read_results
from tests.command_line import RIGHT, result_lines, run, started, stopped
from tests.patience import patience

CELLS = 1 + 1 + 2 + 2  # greedy, Best-of-N at 4, beam and MCTS at 1 and 4
WORDS = [
    "sweep",
    "policy=custom",
    "policy.cls=tests.plugins:Slow",
    "scorer=toy",
    "problems=jsonl",
    "problems.path=toy.jsonl",
    "concurrency=4",
]
WORDS += ["searchers=best_of_n,beam,mcts", "budgets=1,4", "search.mcts.in_flight=1", "out=run"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> Path:
    """A working folder with twelve problems; each request takes a while, so that a signal meets the sweep at work."""
    _problems([f"q{i}" for i in range(12)], tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def _problems(questions: list[str], folder: Path) -> None:
    (folder / "toy.jsonl").write_text("\n".join(json.dumps({"question": q, "answer": RIGHT}) for q in questions))


def _lines() -> list[str]:
    return result_lines(Path("run"))


def _timeless() -> list[dict[str, Any]]:
    """All results but their seconds, in one order."""
    found = [json.loads(line) for line in _lines()]
    for result in found:
        result["ledger"].pop("seconds")
    return sorted(found, key=lambda result: (result["problem"], json.dumps(result["cell"]), result["seed"]))


MODELS = ["sweep", "problems.limit=2", "seeds=0,1", "budgets=1,4", "concurrency=1", "search.mcts.in_flight=1"]
MODELS += ["policy.deterministic=true", "scorer.deterministic=true", "out=run"]


@pytest.mark.parametrize(
    ("words", "total", "kills"),
    [
        pytest.param(WORDS, 12 * CELLS, (5, 20, 40), id="toy", marks=pytest.mark.slow),
        pytest.param(
            MODELS, 2 * (1 + 2 * 7), (4, 12, 20), id="models", marks=[pytest.mark.slow, pytest.mark.timeout(1200)]
        ),
    ],
)
def test_a_sweep_that_is_killed_three_times_ends_as_an_unbroken_one(
    words: list[str], total: int, kills: tuple[int, ...], here: Path
):
    """`kill -9` once so many results are there: they stay byte for byte, and every search is there once."""
    kept: list[str] = []
    for after in kills:
        command = ["sweep", "run=run"] if kept else words
        ended = stopped(command, here, signal.SIGKILL, lambda after=after: len(_lines()) >= after, timeout=600)
        assert ended.returncode == -signal.SIGKILL
        whole = [line for line in _lines() if line.endswith("}")]
        assert after <= len(whole) < total and whole[: len(kept)] == kept
        kept = whole
    assert run("sweep", "run=run") == 0
    assert _lines()[: len(kept)] == kept
    assert set(Counter((r.problem, r.cell, r.seed) for r in read_results(Path("run"))).values()) == {1}
    broken = _timeless()
    assert run(*words, "out=again") == 0
    Path("run").rename("broken")
    Path("again").rename("run")
    assert len(broken) == total and broken == _timeless()


@pytest.mark.parametrize("interrupts", [signal.SIG_DFL, signal.SIG_IGN], ids=["foreground", "background"])
def test_sigterm_is_as_gentle_as_ctrl_c(interrupts: signal.Handlers, here: Path):
    """Also where SIGINT is ignored, as of what a script starts in the background."""
    before = partial(signal.signal, signal.SIGINT, interrupts)
    ended = stopped(WORDS, here, signal.SIGTERM, lambda: len(_lines()) >= 5, preexec_fn=before)
    assert ended.returncode == 143 and "Traceback" not in ended.stderr
    assert f"terminated: {len(_lines())} of 72 searches had ended and are saved; resume with run=run" in ended.stderr
    assert Path("run/summary.csv").exists()


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_loses_no_line(here: Path):
    """No file may grow beyond 20 kB, as a full disk would have it; what is written is whole, and the sweep goes on."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    process = started(WORDS, here, preexec_fn=limit)
    _, err = process.communicate(timeout=patience(60))
    assert process.returncode == 1 and "Traceback" not in err
    kept = _lines()
    assert "run/results.jsonl cannot be written: File too large" in err
    assert f"{len(kept)} of 72 searches had ended and are saved; resume with run=run" in err
    assert 5 < len(kept) < 72 and all(json.loads(line) for line in kept)
    assert run("sweep", "run=run") == 0
    assert _lines()[: len(kept)] == kept and len(_lines()) == 72


def test_a_line_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "results.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with appending(path) as lines:
            lines.append("a" * 100)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150, hard))
            with pytest.raises(RunError, match=r"results\.jsonl cannot be written: File too large"):
                lines.append("b" * 100)
            assert path.read_text() == "a" * 100 + "\n"
            lines.append("c")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "a" * 100 + "\nc\n"


@pytest.mark.parametrize("text", [b"", b"torn", b"one\ntwo\nto", b"one\n", "one\nä".encode()[:-1]])
def test_a_torn_last_line_is_taken_away(text: bytes, tmp_path: Path):
    path = tmp_path / "results.jsonl"
    path.write_bytes(text)
    with appending(path) as lines:
        lines.append("new")
    assert path.read_bytes() == text[: text.rfind(b"\n") + 1] + b"new\n"


def test_a_folder_that_cannot_be_written_to_is_named(here: Path, capsys: pytest.CaptureFixture[str]):
    """As root may write anywhere, a file stands where the folder should be, and a folder where the file should."""
    (here / "file").touch()
    assert run(*WORDS, "out=file/run") == 2
    assert "out=file/run cannot be written: Not a directory" in capsys.readouterr().err
    (here / "run" / "results.jsonl").mkdir(parents=True)
    with (
        pytest.raises(RunError, match=r"results\.jsonl cannot be written: Is a directory"),
        appending(here / "run" / "results.jsonl"),
    ):
        pass


def test_bad_problems_are_errors_of_their_own(here: Path, capsys: pytest.CaptureFixture[str]):
    _problems(["q0", "q1 nan", "q2 short", "q3 raise", "q4", " ", "q6 costly"], here)
    words = ["scorer=custom", "scorer.cls=tests.plugins:Moody", "searchers=beam", "budgets=2"]
    assert run(*WORDS, *words) == 1
    errors = {r.question: r.error for r in read_results(Path("run")) if r.error and r.cell.searcher == "beam"}
    assert set(errors) == {"q1 nan", "q2 short", "q3 raise", " ", "q6 costly"}
    assert "nan" in errors["q1 nan"] and "KeyError" in errors["q3 raise"]
    assert errors[" "] == "ValueError: the question is empty"
    assert "10 of 14 searches failed" in capsys.readouterr().out


def test_a_hopeless_run_ends_early_and_can_go_on(here: Path, capsys: pytest.CaptureFixture[str]):
    _problems([f"raise {i}" for i in range(30)] + ["q"], here)
    words = ["scorer=custom", "scorer.cls=tests.plugins:Moody", "searchers=beam", "budgets=2", "concurrency=1"]
    assert run(*WORDS, *words, "max_errors=3") == 1
    assert "more than max_errors=3 searches have failed: " in capsys.readouterr().err
    assert 4 <= len(_lines()) < 20
    assert run("sweep", "run=run") == 1, "they have failed already"
    before = len(_lines())
    assert before < 20
    assert run("sweep", "run=run", "max_errors=1000") == 1
    assert len(_lines()) == 62


@pytest.mark.parametrize("name", ["config.yaml", "inputs.json"])
def test_a_run_that_was_killed_while_it_was_being_made(name: str, here: Path, capsys: pytest.CaptureFixture[str]):
    assert run(*WORDS, "budgets=1", "searchers=beam") == 0
    Path("run", name).unlink()
    assert run("sweep", "run=run") == 2
    assert "run=run was cut off before it started; start a new run with out=" in capsys.readouterr().err
