"""Compute-optimal choices: on worlds where the best setting of each level is known."""

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from experiments.analysis.cells import Cells
from experiments.analysis.optimal import SPLITS, Grid, choose, cross_fitted, curve, grid, halves, quintiles
from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.registry import GROUPS, configured
from experiments.config.schema import build
from experiments.errors import RunError
from experiments.reports.plan import commands, finding
from experiments.runs.axes import Axis
from experiments.runs.results import CellKey
from tests.command_line import run
from tests.results import result, sampled, write_results

EASY, HARD = 20, 20
LEVELS = np.array(["1"] * EASY + ["2"] * HARD)
PROBLEMS = [f"p{place:02d}" for place in range(EASY + HARD)]


def known() -> Grid:
    """Greedy is right on all easy problems for 10; beam on all hard ones for 100, and on no easy one."""
    settings = [CellKey("greedy", 1), CellKey("beam", 4), CellKey("beam", 16)]
    easy = LEVELS == "1"
    correct = np.array([easy, ~easy, np.ones(EASY + HARD)], dtype=float)
    return Grid(settings, PROBLEMS, correct, np.array([[10.0], [100.0], [1000.0]]) * np.ones(EASY + HARD))


def test_the_best_setting_of_each_level_is_found():
    """Within 100 a problem one setting is right on half of the problems, the two together on all of them."""
    single = cross_fitted(known(), np.full(40, "all"), 100, strata=LEVELS)
    optimal = cross_fitted(known(), LEVELS, 100)
    assert single is not None and optimal is not None
    assert (single.accuracy, single.cost.mean()) == (0.5, 10), "of equals the cheapest"
    assert (optimal.accuracy, optimal.cost.mean()) == (1.0, 55)
    assert cross_fitted(known(), LEVELS, 9) is None, "every setting costs more"


def test_equals_go_to_the_cheapest_and_the_budget_holds():
    world = known()
    everyone = np.ones(40, dtype=bool)
    assert choose(world, everyone, 1000) == 2 and choose(world, everyone, 999) == 0
    assert choose(world, LEVELS == "1", 1000) == 0
    assert choose(world, everyone, 5) is None and choose(world, ~everyone, 1000) is None


@pytest.mark.slow
def test_luck_is_not_rewarded():
    """200 settings that are all right on a half, by chance: the best of them seems to be above 0.6, and is not.

    15 worlds of 100 problems; the standard error of their mean is at most 0.013.
    """
    rng = np.random.default_rng(0)
    seeming, measured = [], []
    for seed in range(15):
        correct = rng.integers(0, 2, (200, 100)).astype(float)
        world = Grid([CellKey("beam", n) for n in range(200)], PROBLEMS, correct, np.ones((200, 100)))
        found = cross_fitted(world, np.repeat(["1", "2"], 50), 1, seed)
        assert found is not None
        measured.append(found.accuracy)
        seeming.append(correct.mean(1).max())
    assert np.mean(seeming) > 0.6
    assert np.mean(measured) == pytest.approx(0.5, abs=0.04)


def test_every_level_is_dealt_out_evenly():
    half = halves(np.array(["1"] * 5 + ["2"] * 6 + ["3"]))
    assert [half[:5].sum(), half[5:11].sum(), half[11:].sum()] == [2, 3, 1]
    assert sum(halves(np.arange(5).astype(str), seed).sum() for seed in range(2)) == 5, "each is once in either half"


def test_a_level_of_one_problem_takes_what_is_best_for_the_half():
    levels = np.array(["1"] * 39 + ["2"])
    found = cross_fitted(known(), levels, 1000)
    assert found is not None and found.accuracy == 1


def test_the_curve_never_spends_more_than_its_budget():
    points = curve(known(), LEVELS)
    assert [budget for budget, _ in points] == [10, 100, 1000]
    assert all(measured.cost.mean() <= budget for budget, measured in points)
    assert [measured.accuracy for _, measured in points] == [0.5, 1, 1]


def test_a_setting_is_affordable_at_its_own_mean_cost():
    """Costs differ from problem to problem: one of the halves costs more than the mean, and may still choose it."""
    cost = np.array([[100.0 + place] * 2 for place in range(20)]).reshape(1, 40)
    world = Grid([CellKey("beam", 4)], PROBLEMS, np.ones((1, 40)), cost)
    assert [(round(budget, 3), found.accuracy) for budget, found in curve(world, LEVELS)] == [(109.5, 1.0)]


def test_quintiles_follow_the_pass_rate():
    results = [sampled(problem, problem / 10) for problem in range(10)]
    found = quintiles(results, {f"p{problem}": "q" for problem in range(10)})
    assert list(found) == ["5 of 5"] * 2 + ["4 of 5"] * 2 + ["3 of 5"] * 2 + ["2 of 5"] * 2 + ["1 of 5"] * 2
    results = [sampled(problem, rate) for problem, rate in enumerate([0.2, 0.9, 0.9, 0.9, 0.9])]
    for order in ([0, 1, 2, 3, 4], [4, 2, 1, 3, 0]):
        assert dict(zip(order, quintiles(results, {f"p{place}": "q" for place in order}), strict=True)) == {
            0: "5 of 5", **dict.fromkeys(range(1, 5), "3 of 5")
        }, "problems of the same pass rate share a level, whatever their order"  # fmt: skip
    results = [sampled(problem, problem / 10) for problem in range(10)]
    with pytest.raises(RunError, match="no independent samples of p99"):
        quintiles(results, {"p1": "q", "p99": "q"})
    with pytest.raises(RunError, match="p1 is another question in that run"):
        quintiles(results, {"p1": "another"})


def test_costs_and_seeds_are_averaged_by_problem():
    results = [result(p, "beam", 4, float(p < 6), 100.0 + 100 * seed, seed=seed) for p in range(12) for seed in (0, 1)]
    results += [result(p, "beam", 8, 1.0, 500) for p in range(12)]
    found = grid(Cells(results), "generated_tokens", "best")
    assert found.settings == [CellKey("beam", 4), CellKey("beam", 8)] and found.cost.mean(1).tolist() == [150, 500]
    assert found.correct.sum(1).tolist() == [6, 12]
    with pytest.raises(RunError, match="no searcher's answers were chosen by particle, or its flops are not known"):
        grid(Cells(results), "flops", "particle")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve problems of two levels: beam is right on the first half for 100, on all for 400."""
    found = [
        result(p, "beam", n, float(n == 4 or p < 6), 100.0 * n, level=1 + (p >= 6)) for n in (1, 4) for p in range(12)
    ]
    write_results(tmp_path / "run", found)
    (tmp_path / "run" / "config.yaml").write_text("search: {beam: {_target_: search.Beam, n: 1, branch: 4}}\n")
    return tmp_path / "run"


@pytest.mark.usefixtures("undrawn")
def test_too_few_problems_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Four levels of one problem each take what is best for the other problems; one problem is no plan."""
    write_results(tmp_path / "run", [result(p, "beam", 1, 1.0, 30.0) for p in range(4)])
    write_results(tmp_path / "other", [sampled(p, p / 4, seed=1) for p in range(4)])
    other = f"difficulty={tmp_path / 'other'}"
    assert run("plan", f"run={tmp_path / 'run'}", "budget=1000", other) == 0
    few = (
        "too few problems to tell which setting is best, in level 1 of 5 (1), 2 of 5 (1), 4 of 5 (1), 5 of 5 (1): sweep"
    )
    assert few in capsys.readouterr().out
    assert run("plan", f"run={tmp_path / 'run'}", "budget=20", other) == 2
    assert "budget=20: every cell costs more; the cheapest costs 30" in capsys.readouterr().err
    write_results(tmp_path / "one", [result(0, "beam", 1, 1.0, 30.0)])
    assert run("plan", f"run={tmp_path / 'one'}", "budget=1000") == 2
    assert "the run has one problem, and two are needed" in capsys.readouterr().err


def test_more_splits_are_not_more_problems():
    """The interval is as wide as that of one split, and the title says what the difference says."""
    rng = np.random.default_rng(0)
    world = Grid([CellKey("beam", n) for n in range(6)], PROBLEMS, rng.integers(0, 2, (6, 40)) * 1.0, np.ones((6, 40)))
    many = cross_fitted(world, np.full(40, "all"), 1)
    assert many is not None and many.splits.shape == (SPLITS, 40)
    one = many._replace(splits=many.splits[:1])
    width, single = (measured.interval.high - measured.interval.low for measured in (many, one))
    assert width == pytest.approx(single, rel=0.02)
    assert len({cross_fitted(world, np.full(40, "all"), 1, seed).accuracy for seed in range(3)}) > 1  # pyright: ignore
    single, levels = (cross_fitted(known(), one, 100, strata=LEVELS) for one in (np.full(40, "all"), LEVELS))
    assert single and levels
    assert finding(levels, single, 100, Axis.FLOPS).startswith(
        "Choosing by level is 50.0 points above one setting at 100 FLOPs a problem (95 % interval 3"
    )
    assert "cannot be told from one setting" in finding(single, single, 100, Axis.FLOPS)
    assert finding(None, single, 100, Axis.FLOPS) == (
        "The best single setting at 100 FLOPs a problem is right on 50.0 % (40 problems)"
    )


def test_the_command_names_searcher_and_knobs(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert run("plan", f"run={folder}", "budget=400") == 0
    out = capsys.readouterr().out
    assert "level 1: search=beam search.n=1 search.branch=4" in out
    assert "level 2: search=beam search.n=4 search.branch=4" in out
    assert "by level: 100.0 % (95 % interval 75.8 to 100.0) at a cost of 250 a problem, cross-fitted" in out
    assert "one setting for all: 100.0 % (95 % interval 75.8 to 100.0) at a cost of 400 a problem" in out
    with (folder / "levels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["level"], row["n"], float(row["accuracy"])) for row in rows] == [
        ("1", "1", 1.0), ("1", "4", 1.0), ("2", "1", 0.0), ("2", "4", 1.0),
    ]  # fmt: skip
    assert (folder / "plan.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", sorted(GROUPS["search"].keys() - {"auto", "custom"}))
def test_the_command_of_a_setting_has_its_scale(name: str):
    """Whatever the knob is called, of every searcher that a sweep runs."""
    knobs: dict[str, object] = OmegaConf.to_container(configured("search", name), enum_to_str=True)  # pyright: ignore
    del knobs["_target_"]
    _, line = commands({"all": CellKey(name, 7)}, {name: knobs})
    words = shlex.split(line.partition(": ")[2])
    built = build(compose(Solve, words).search)
    assert getattr(built, built.scale) == 7
