"""Two settings of one searcher in one sweep, beam and beam@wide: each has its own knobs, results, line and name."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from experiments.commands.sweep import Sweep, build_sweep
from experiments.config.compose import compose
from experiments.config.files import with_files
from search import Beam
from tests.command_line import run
from tests.experiments.toy_sweep import sweep

WORDS = ("searchers=beam,beam@wide,best_of_n", "budgets=4", "search.beam.branch=1", "search.wide.branch=4")


def built(*words: str) -> dict[str, Any]:
    return dict(build_sweep(compose(Sweep, words)).search)


def cells() -> list[str]:
    return [json.loads(line)["cell"]["searcher"] for line in Path("run/results.jsonl").read_text().splitlines()]


def test_each_setting_has_its_own_knobs():
    made = built(*WORDS, "search.wide.n=3")
    assert list(made) == ["beam", "beam@wide", "best_of_n"]
    assert made["beam"] == Beam(branch=1) and made["beam@wide"] == Beam(n=3, branch=4)


def test_a_setting_may_come_after_its_knobs_and_from_a_file(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("search.wide.branch: 8\nsearchers: [beam@wide]\n")
    assert built(*with_files(Sweep, [f"config={tmp_path / 'mine.yaml'}"])) == {"beam@wide": Beam(branch=8)}
    assert built("search.x.branch=2", "searchers=beam@x") == {"beam@x": Beam(branch=2)}


def test_own_searchers_run_side_by_side():
    words = ["searchers=custom@one,custom@two", "search.one.cls=search:Beam", "search.two.cls=search:BestOfN"]
    made = built(*words, "search.one.args.n=3", "search.two.args.n=5")
    assert made["custom@one"] == Beam(n=3) and made["custom@two"].n == 5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("searchers=beam,beam@wide search.wdie.branch=2", "search.wdie: no such knob; search has"),
        ("searchers=beam,beam@wide search.wdie.branch=2", "Did you mean wide?"),
        ("searchers=beam,beam@wide search.wide.simulations=2", "search.wide has n, branch, reduction"),
        ("searchers=beam search.wide.branch=2", "is named in searchers=, for example searchers=beam,beam@wide"),
        ("searchers=beam,beem@wide", "no such searcher 'beem'"),
        ("searchers=beam,beam@mcts", "mcts is a searcher; give the setting another name"),
        ("searchers=beam,beam@a.b", "letters, digits and _ only"),
        ("searchers=beam@", "letters, digits and _ only"),
        ("searchers=beam@a,mcts@a", "two settings are called a"),
        ("searchers=beam@a,beam@a", "each only once"),
        ("search@search.wide=beam", "searchers=beam,beam@wide search.wide.KNOB=VALUE"),
        ("search.beam@wide.branch=8", "searchers=beam,beam@wide search.wide.branch=8"),
        ("budgets=range(1,64)", "a range is Hydra's and none here; write its values: budgets=A,B"),
    ],
)
def test_a_mistake_is_answered_in_words(words: str, reason: str, capsys: pytest.CaptureFixture[str]):
    assert run("sweep", "policy=toy", "scorer=toy", *words.split()) == 2
    assert reason in capsys.readouterr().err


def test_a_run_of_settings_is_analysed_by_name_and_grows(here: Path, capsys: pytest.CaptureFixture[str]):
    assert sweep(*WORDS) == 0
    before = Path("run/results.jsonl").read_text()
    assert sorted(set(cells())) == ["beam", "beam@wide", "best_of_n", "greedy"]
    rows = list(csv.DictReader(Path("run/summary.csv").read_text().splitlines()))
    assert {row["searcher"] for row in rows} == {"greedy", "best_of_n", "beam", "beam@wide"}
    capsys.readouterr()
    assert run("compare", "run=run", "baseline=beam@wide") == 0
    assert "against beam@wide" in capsys.readouterr().out
    # another knob is refused; another setting is new
    assert run("sweep", "run=run", "search.wide.branch=2") == 2
    assert "search.wide.branch: 4 in the run, 2 now" in capsys.readouterr().err
    assert run("sweep", "run=run", "searchers=beam,beam@wide,best_of_n,beam@third", "search.third.branch=2") == 0
    after = Path("run/results.jsonl").read_text()
    assert after.startswith(before) and set(cells()) - {"beam@third"} == {"beam", "beam@wide", "best_of_n", "greedy"}


def test_the_config_of_a_run_of_settings_starts_it_anew(here: Path):
    assert sweep(*WORDS) == 0
    old = Path("run/config.yaml").read_text()
    assert run("sweep", "config=run/config.yaml", "out=again") == 0
    assert Path("again/config.yaml").read_text() == old.replace("out: run\n", "out: again\n")


def test_the_file_of_a_settings_class_is_kept_in_mind(here: Path, capsys: pytest.CaptureFixture[str]):
    Path("edited_setting.py").write_text("from search import Beam\n\n\nclass Mine(Beam):\n    pass\n")
    assert sweep("searchers=custom@mine", "search.mine.cls=edited_setting:Mine", "budgets=2") == 0
    with Path("edited_setting.py").open("a") as file:
        file.write("# another one\n")
    assert run("sweep", "run=run") == 2
    assert "search.mine.cls: " in capsys.readouterr().err
