"""The sentence above a figure says what `compare` says of the same results, and no more."""

import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import comparisons
from experiments.reports.findings import of_comparisons, of_run
from experiments.reports.looks import LOOKS, label, looks
from experiments.runs.axes import Axis
from experiments.runs.results import Result
from tests.results import costs, result

PROBLEMS = 60


def searches(right: dict[str, float], n: int = 4) -> list[Result]:
    """Of each searcher the first so many problems are right, at the same cost."""
    return [result(p, name, n, float(p < share), 100) for name, share in right.items() for p in range(PROBLEMS)]


def sentence(right: dict[str, float], *axes: str) -> str:
    return of_run(Cells.of(searches(right)), "weighted", axes or ("generated_tokens", "n"))


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ({"best_of_n": 30, "beam": 45}, "Beam (N = 4) is 25.0 points above Best-of-N at equal generated tokens "),
        ({"best_of_n": 30, "beam": 31}, "Beam cannot be told from Best-of-N at equal generated tokens (60 problems)"),
        ({"best_of_n": 30, "beam": 31, "mcts": 29}, "No searcher can be told from Best-of-N at equal generated tokens"),
        ({"best_of_n": 30, "beam": 45, "mcts": 50, "dvts": 10}, "; also above it: beam; below it: DVTS"),
        ({"best_of_n": 30, "mcts": 10}, "No searcher is above Best-of-N: MCTS (N = 4) is 33.3 points below Best-of-N"),
        ({"best_of_n": 30}, "Best-of-N by weighted vote at N = 4: 50.0 % right (95 % 37.7 to 62.3; 60 problems)"),
        ({"beam": 30}, "Beam by weighted vote at N = 4: 50.0 % right"),
    ],
)
def test_the_finding_says_who_is_above_whom(right: dict[str, float], expected: str):
    assert expected in sentence(right)


def test_its_figures_are_those_of_compare():
    cells = Cells.of(searches({"best_of_n": 30, "beam": 45, "mcts": 20}))
    found = comparisons(cells, "best_of_n", Axis.GENERATED_TOKENS, "weighted")
    best = next(one.difference for one in found if one.cell.searcher == "beam")
    assert best is not None
    ends = " to ".join(f"{100 * end:.1f}" for end in best.interval)
    said = of_comparisons(found, "best_of_n", "generated_tokens", "N", PROBLEMS)
    assert f"{100 * best.mean:.1f} points above" in said and f"(95 % interval {ends}; 60 problems)" in said


def test_an_axis_that_is_not_known_gives_way_to_the_next():
    unknown = Cells.of([costs(one, flops=None) for one in searches({"best_of_n": 30, "beam": 45})])
    assert " above Best-of-N at equal N (" in of_run(unknown, "weighted", ["flops", "n"])


def test_more_samples_are_compared_with_fewer():
    few, many = searches({"beam": 10}, 1), searches({"beam": 50}, 16)
    assert of_run(Cells.of(few + many), "weighted", ["n"]).startswith("Beam by weighted vote: N = 16 is 66.7 points ab")
    assert "N = 16 cannot be told from N = 1" in of_run(Cells.of(searches({"beam": 11}, 16) + few), "weighted", ["n"])
    assert of_run(Cells.of(few), "particle", ["n"]) == ""


def test_every_line_of_a_figure_has_a_look_of_its_own():
    names = ["beam", "beam@wide", "beam@narrow", "mcts@two", "best_of_n", "majority@N", "pass@N"]
    drawn = looks(names)
    assert list(drawn) == names and drawn["beam"] == LOOKS["beam"]
    assert len({look.colour for look in drawn.values()}) == len(names)
    assert drawn["mcts@two"].colour == LOOKS["mcts"].colour and drawn["beam@wide"].label == "beam (wide)"
    assert looks(["beam", "beam@wide", "majority@N"])["beam@wide"].colour == LOOKS["mcts"].colour
    assert label("custom@mine") == "custom (mine)" and label("pass@N") == "pass@N of Best-of-N"
