"""A run grows: what is there is kept, what is new is run, and the whole is what one sweep would have been."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from experiments.analysis.cells import Cells
from experiments.runs.growth import GROWING, before_growth
from experiments.runs.results import read_results
from tests.command_line import result_lines, run
from tests.experiments.toy_sweep import lines, summary, sweep, timeless, where, write_problems

SMALL = ("searchers=[beam]", "budgets=[1,4]", "problems.limit=3", "search.mcts.in_flight=1")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_problems(folder)
    with contextlib.chdir(folder):
        assert sweep(*SMALL) == 0
    return folder / "run"


@pytest.fixture
def small(small_run: Path, here: Path) -> Path:
    """The working folder, with the sweep of SMALL in run/."""
    shutil.copytree(small_run, "run")
    for file in map(Path, ("run/command.json", "run/config.yaml", "run/inputs.json")):
        file.write_text(file.read_text().replace(str(small_run.parent), str(here)))
    return here


def keys(out: str = "run") -> list[tuple[str, str, int, int]]:
    return [(r["problem"], r["cell"]["searcher"], r["cell"]["n"], r["seed"]) for r in lines(out)]


@pytest.mark.parametrize(
    "more",
    [
        ["budgets=[1,4,8]"],
        ["seeds=[0,1]"],
        pytest.param(["seeds=[1,0]"], marks=pytest.mark.slow),
        ["problems.limit=5"],
        pytest.param(["problems.limit=null"], marks=pytest.mark.slow),
        pytest.param(["searchers=[beam,mcts]"], marks=pytest.mark.slow),
        ["searchers=[mcts,beam]", "search.mcts.c_puct=2"],
        ["selection=best"],
        ["budgets=[4,1,16]", "seeds=[0,2]", "problems.limit=4", "searchers=[beam,best_of_n]", "selection=majority"],
    ],
    ids=" ".join,
)
def test_a_run_that_has_grown_is_the_larger_sweep(more: list[str], small: Path):
    kept = result_lines(Path("run"))
    assert run("sweep", "run=run", *more) == 0
    assert result_lines(Path("run"))[: len(kept)] == kept
    assert len(set(keys())) == len(keys()), "no search ran twice"
    assert sweep(*SMALL, *more, out="large") == 0
    greedy = [row for row in timeless("run") if row["cell"]["searcher"] == "greedy"]
    assert len(greedy) == len({row["problem"] for row in lines()}), "greedy decoding has one seed for all"
    same = [[row for row in timeless(out) if row["cell"]["searcher"] != "greedy"] for out in ("run", "large")]
    assert same[0] == same[1]
    before = len(lines())
    assert run("sweep", "run=run") == 0 and len(lines()) == before, "it goes on as what it has become"
    assert run("sweep", "run=run", *more) == 0 and len(lines()) == before


def test_budgets_of_independent_samples_grow(here: Path):
    """Only what cannot be read off is run: 16 once, and 2 not at all."""
    words = ["searchers=[best_of_n]", "problems.limit=2"]
    assert sweep(*words, "budgets=[1,4]") == 0
    assert run("sweep", "run=run", "budgets=[1,4,16]") == 0
    assert sorted({n for _, searcher, n, _ in keys() if searcher == "best_of_n"}) == [4, 16]
    before = len(lines())
    assert run("sweep", "run=run", "budgets=[1,2,4,16]") == 0
    assert {row["n"] for row in where(summary(), searcher="best_of_n")} == {"1", "2", "4", "16"}
    assert len(set(keys())) == before, "the results are renewed, no search ran"
    assert sweep(*words, "budgets=[1,2,16]", out="once") == 0
    same = [[row for row in timeless(out) if row["cell"]["n"] == 16] for out in ("run", "once")]
    assert {row["problem"]: row["samples"] for row in same[0]} == {row["problem"]: row["samples"] for row in same[1]}


def test_all_that_a_grown_run_holds_is_compared(here: Path):
    """Its old largest N has run for the old problems and seeds; for the new ones it is read off the new largest N."""
    sweep("searchers=best_of_n,beam", "budgets=1,4", "problems.limit=2")
    assert run("sweep", "run=run", "budgets=1,4,8", "seeds=0,1", "problems.limit=4") == 0
    cells = Cells.of(read_results(Path("run"))).complete()
    found = {key.n: len(members) for key, members in cells.by_key.items() if key.searcher == "best_of_n"}
    assert found == {1: 8, 4: 8, 8: 8}


def test_a_swept_limit_grows(here: Path):
    words = ["searchers=[beam]", "problems.limit=2"]
    assert sweep(*words, "budget.generated_tokens=[8,40]") == 0
    assert run("sweep", "run=run", "budget.generated_tokens=[8,20,40]") == 0
    assert {tuple(row["cell"]["budget"].values()) for row in lines()} == {(), (8,), (20,), (40,)}
    assert len(set(map(json.dumps, (row["cell"] for row in lines())))) == 4 and len(lines()) == 8


def test_trees_are_saved_from_now_on(small: Path, capsys: pytest.CaptureFixture[str]):
    before = len(lines())
    assert run("sweep", "run=run", "trees=true", "seeds=[0,1]") == 0
    assert "searches that ended before have none" in capsys.readouterr().err
    assert len(list(Path("run/trees").iterdir())) == len(lines()) - before == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["budgets=[1,16]"], "budgets: 1,4 in the run, 1,16 now"),
        (["seeds=[1]"], "seeds: 0 in the run, 1 now"),
        (["problems.limit=2"], "problems.limit: 3 in the run, 2 now"),
        (["searchers=[mcts]"], "searchers: beam in the run, mcts now"),
        (["searchers=[beam,mcts]", "search.beam.branch=3"], "search.beam.branch: 4 in the run, 3 now"),
        (["seeds=[0,1]", "policy.branch=2"], "policy.branch: 3 in the run, 2 now"),
        (["budgets=null", "budget.samples=[1,4]"], "budget.samples: null in the run, 1,4 now"),
        (["selection.reduction=min"], "selection.reduction: null in the run, min now"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_other_changes_are_refused(words: list[str], message: str, small: Path, capsys: pytest.CaptureFixture[str]):
    files = {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}
    assert run("sweep", "run=run", *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert ("a run only grows" in err) == (message.partition(":")[0] in GROWING)
    assert files == {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}


def test_more_problems_are_those_that_follow(small: Path, capsys: pytest.CaptureFixture[str]):
    Path("toy.jsonl").write_text(Path("toy.jsonl").read_text().replace("q1", "another"))
    assert run("sweep", "run=run", "problems.limit=5") == 2
    assert "started with different inputs: problems" in capsys.readouterr().err
    Path("toy.jsonl").write_text(Path("toy.jsonl").read_text().replace("another", "q1").replace("q4", "the last"))
    assert run("sweep", "run=run", "problems.limit=5") == 0, "that one was not in the run"


def test_a_rule_that_nobody_counted_is_refused(small: Path, capsys: pytest.CaptureFixture[str]):
    assert run("sweep", "run=run", "selection=weights", "seeds=[0,1]") == 2
    assert "selection=weights: the run has no answers of greedy, beam by it" in capsys.readouterr().err


def test_a_run_goes_on_from_another_folder(here: Path, monkeypatch: pytest.MonkeyPatch):
    Path("lasting_scorer.py").write_text(
        "class Half:\n    def score(self, question, steps):\n        return [0.5 for _ in steps]\n"
    )
    own = ["scorer=custom", "scorer.cls=lasting_scorer:Half"]
    assert sweep(*SMALL, *own) == 0
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    Path("lasting_scorer.py").write_text("class Half: pass\n")
    assert run("sweep", "run=../run", "seeds=[0,1]") == 0
    assert len(lines("../run")) == 9 + 6
    assert run("sweep", "run=../run", "problems.path=../toy.jsonl") == 0, "the same file, typed from here"


def test_a_run_goes_on_where_its_folder_was_moved(here: Path, monkeypatch: pytest.MonkeyPatch):
    (here / "old").mkdir()
    monkeypatch.chdir(here / "old")
    write_problems(here / "old")
    assert sweep(*SMALL) == 0
    monkeypatch.chdir(here)
    (here / "old").rename(here / "new")
    monkeypatch.chdir(here / "new")
    assert run("sweep", "run=run", "seeds=[0,1]") == 0 and len(lines()) == 9 + 6


def test_a_default_is_a_list_that_grows():
    """budgets=null is [1,4,16]."""
    before = {"budgets": None, "budget": {"samples": None}}
    assert before_growth(before, {"budgets": [1, 4, 16, 64]})["budgets"] is None
    assert before_growth(before, {"budgets": [1, 4, 64]})["budgets"] == [1, 4, 64]
