"""search=auto: the setting that a calibration run found best, with its knobs."""

from pathlib import Path

import pytest

from experiments.commands.solve import Solve
from experiments.config.compose import compose
from experiments.config.schema import build
from search import MCTS, Again, Beam, BestOfN, Reduction
from search.algorithms.mcts import Prior
from search.algorithms.particle_filter import ParticleFilter
from search.solve import Searcher
from tests.command_line import TOY, run
from tests.results import result, write_results

KNOBS = [
    "searchers=best_of_n,beam,mcts,again", "search.beam.branch=2", "search.beam.reduction=last",
    "search.mcts.prior=logprob", "search.again.inner=particle_filter", "search.again.args.temperature=2",
]  # fmt: skip
ACCURATE = {("greedy", 1): 1.0, ("best_of_n", 4): 0.25, ("beam", 8): 0.5, ("mcts", 16): 0.75, ("again", 3): 1.0}
COST = {"greedy": 10, "best_of_n": 100, "beam": 200, "mcts": 300, "again": 400}


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    """A run whose costlier settings are right on more of four problems; greedy decoding is right on all."""
    folder = tmp_path / "calibration"
    assert run("sweep", *TOY, *KNOBS, "problems.limit=1", f"out={folder}", "budgets=1") == 0
    rows = [
        result(place, searcher, n, float(place < 4 * share), COST[searcher])
        for (searcher, n), share in ACCURATE.items()
        for place in range(4)
    ]
    write_results(folder, rows)
    return folder


def auto(*words: str) -> Searcher:
    return build(compose(Solve, ["search=auto", *words]).search)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        pytest.param(100, BestOfN(4), marks=pytest.mark.slow),
        pytest.param(299, Beam(8, branch=2, reduction=Reduction.LAST), marks=pytest.mark.slow),
        (300, MCTS(16, prior=Prior.LOGPROB)),
        (None, Again(ParticleFilter(8, temperature=2.0), times=3)),
    ],
)
def test_the_best_setting_within_the_budget_with_its_knobs(
    calibration: Path, budget: int | None, expected: Searcher, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"search.run={calibration}"] + [f"search.budget={budget}"] * (budget is not None)
    assert auto(*words) == expected
    assert "% of 4 problems by weighted" in capsys.readouterr().err


def test_without_a_run_it_is_the_default() -> None:
    assert auto() == Again()


def test_mistakes_are_named(calibration: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in {
        ("search.budget=100",): "search.budget is a limit within a calibration run; name one, search.run=DIR",
        (f"search.run={calibration}", "search.budget=9"): "every setting of",
        (f"search.run={tmp_path}/none",): "none/results.jsonl: no such file",
    }.items():
        assert run("solve", "1 + 2 =", "policy=toy", "scorer=toy", "search=auto", *words) == 2
        assert message in capsys.readouterr().err
    (calibration / "config.yaml").unlink()
    assert run("solve", "1 + 2 =", "policy=toy", "scorer=toy", "search=auto", f"search.run={calibration}") == 2
    assert "does not hold the knobs of again" in capsys.readouterr().err
