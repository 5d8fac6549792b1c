"""What the targets of the Makefile run is there and does something; each module is run as far as a test can."""

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.summary import summarise
from experiments.benchmarks.search import SEARCHERS, Cell, Measured, broken_bounds
from experiments.commands import demo
from experiments.commands.solve import Solve
from experiments.commands.sweep import Sweep, build_sweep
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.runs.results import read_results
from search import MCTS
from tests.command_line import ROOT, TOY, run

MAKEFILE = (ROOT / "Makefile").read_text()
MODULES = set(re.findall(r"-m (experiments\.\S+)", MAKEFILE))


def main(module: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [module, *words])
    import_module(module).main()


def test_every_module_is_tested_here():
    assert {
        f"experiments.benchmarks.{name}"
        for name in ("frozen", "gpu_check", "local", "peers", "remote", "search", "vllm", "workers")
    } == MODULES


@pytest.mark.slow
def test_bench_local_measures_both_sides(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    words = ("problems=2", "n=2", "runs=1", "max_tokens=40", "batch_size=4")
    with pytest.raises(SystemExit) as ended:
        main("experiments.benchmarks.local", *words, monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    tokens = {name: int(count.replace(",", "")) for name, count in re.findall(r"run 1: (\S+) +([\d,]+) tokens", out)}
    assert set(tokens) == {"stepsearch", "model.generate"} and all(0 < count <= 160 for count in tokens.values())
    (ratio,) = re.findall(r"ratio: ([\d.]+) \(at least 0\.8\)", out)
    assert bool(ended.value.code) == (float(ratio) < 0.8) or ratio == "0.80"


@pytest.mark.slow
def test_bench_remote_counts_failures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("aiohttp", reason="aiohttp is not installed here: pip install 'stepsearch[remote]'")
    words = ("requests=40", "at_once=8", "pauses=1", "pause=0.1")
    with pytest.raises(SystemExit) as ended:
        main("experiments.benchmarks.remote", *words, monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert re.findall(r"^(\w+), .* ([\d.]+) ms of CPU .*; 0 of 40 failed", out, re.MULTILINE)[1][0] == "PRM"
    assert bool(ended.value.code) == ("NOT HELD" in out)


@pytest.mark.slow
def test_bench_search_measures_every_searcher(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main("experiments.benchmarks.search", "n=4,8", "depth=3", "readings=400", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    rows = re.findall(r"^\| (\w+) \| (\d) \| 3 \| \d+ \| ([\d.]+) \| [\d.]+ \| [\d,]+ \|$", out, re.MULTILINE)
    assert [(name, n) for name, n, _ in rows] == [(name, n) for name in SEARCHERS for n in "48"]
    assert all(float(took) > 0 for *_, took in rows) and "beam: 200 budgets" in out
    assert bool(ended.value.code) == ("out of bound: " in out)


def test_bench_search_names_the_cell_that_is_out_of_bound():
    fine = {
        Cell("beam", n, depth, 100): Measured(1000, 60, slow=1.5, size=900) for n in (16, 256) for depth in (10, 40)
    }
    assert not list(broken_bounds(fine))
    for cell, measured, words in (
        (Cell("beam", 256, 40, 100), Measured(1000, 80, 1.5, 900), "beam, n = 256, depth 40: 80 us a step; at most 75"),
        (Cell("beam", 16, 40, 100), Measured(1000, 60, 1.5, 2100), "beam, n = 16, depth 40: 2,100 bytes a node"),
        (Cell("beam", 256, 10, 100), Measured(1000, 130, 1.5, 900), "from n = 16 to 256; at most 2.0 times"),
        (Cell("beam", 16, 40, 100), Measured(1000, 130, 1.5, 900), "from depth = 10 to 40; at most 2.0 times"),
    ):
        (bound,) = broken_bounds(fine | {cell: measured})
        assert words in bound.message
    assert not list(broken_bounds({Cell("mcts_deep", 256, 40, 100): Measured(1000, 900, 1.0, 9000)})), "shown only"


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed; the benchmark would run")
def test_bench_vllm_says_that_vllm_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="vllm") as error:
        main("experiments.benchmarks.vllm", "problems=1", "n=1", "runs=1", monkeypatch=monkeypatch)
    assert "pip install" in str(error.value) and not list(tmp_path.iterdir())


def test_the_demo_says_what_its_own_run_shows_and_what_to_do_next(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Its commands are composed as they stand; the toy runs in place of the models."""
    assert "$(BIN)/stepsearch demo" in MAKEFILE
    assert build(compose(Solve, demo.SOLVE)).search == MCTS(simulations=64)
    assert len(build_sweep(compose(Sweep, demo.SWEEP)).problems.load()) == 24
    words = [*demo.SWEEP[:2], *TOY, "problems=jsonl", "problems.path=toy.jsonl", "scorer.error=1"]
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert demo.sweep_and_tell(words) == 0
    out = " ".join(capsys.readouterr().out.split())
    rows = [row for row in summarise(Cells.of(read_results(Path("runs/demo")))) if row["selection"] == "weighted"]
    best, ours = ([row for row in rows if row["searcher"] == name][-1] for name in ("best_of_n", "particle_filter"))
    for row in (best, ours):
        low, high = (f"{100 * row[end]:.1f}" for end in ("ci_low", "ci_high"))
        assert f"n = 4: {100 * row['accuracy']:.1f} % of 5 problems right ({low} to {high})" in out
    assert "percentage points" in out and "5 problems): this run cannot tell which is better" in out
    page = here / "runs/demo/report.html"
    assert page.exists() and page.as_uri() in out
    assert "/bin/activate stepsearch compare run=runs/demo n=1" in out or sys.prefix == sys.base_prefix
    assert run("compare", "run=runs/demo", "n=1") == 0


@pytest.mark.slow
def test_the_demo_leaves_a_folder_of_yours_as_it_is_and_goes_on_with_its_own(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["searchers=best_of_n,beam", "budgets=1,2", *TOY, "problems=jsonl", "problems.path=toy.jsonl"]
    yours = Path("runs/demo/notes.txt")
    yours.parent.mkdir(parents=True)
    yours.write_text("mine")
    assert demo.sweep_and_tell(words) == 0
    assert [path.name for path in yours.parent.iterdir()] == ["notes.txt"]
    lines = Path("runs/demo-2/results.jsonl").read_text()
    assert demo.sweep_and_tell(words) == 0
    assert Path("runs/demo-2/results.jsonl").read_text() == lines, "the demo's own run, which had ended"
    assert demo.sweep_and_tell([*words, "seeds=3"]) == 0
    assert Path("runs/demo-3/report.html").exists() and not Path("runs/demo-4").exists()


def test_every_folder_and_file_of_tests_is_there_and_has_tests():
    paths = re.findall(r"\b(tests/\S+)", MAKEFILE)
    assert "tests/page" in paths
    for path in paths:
        files = list(ROOT.glob(path if path.endswith(".py") else f"{path}/test_*.py"))
        assert files and all("def test_" in file.read_text() for file in files), path


def test_the_list_of_targets_names_every_one():
    done = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = next(line for line in MAKEFILE.splitlines() if line.startswith(".PHONY:")).split()[1:]
    assert {line.split()[1] for line in done.stdout.splitlines()} == {*phony}
