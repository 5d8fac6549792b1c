"""`stepsearch compare`: interpolation, pairing and p-values against known answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Cell, Comparison, at_cost, compared
from experiments.analysis.comparisons import comparisons as comparisons_of
from experiments.analysis.uncertainty import p_value
from experiments.errors import RunError
from experiments.runs.axes import Axis
from experiments.runs.results import Result
from tests.command_line import run
from tests.results import PROBLEMS, costs, result, write_results

TOKENS = Axis.GENERATED_TOKENS


def comparisons(results: list[Result], *rest: Any, **options: Any) -> list[Comparison]:
    return comparisons_of(Cells(results), *rest, **options)


def cell(cost: float, *correct: float) -> Cell:
    return Cell("best_of_n", 1, cost, np.array(correct))


def results(tokens: float = 200, right: int = 12) -> list[Result]:
    """Best-of-N at 100 and 400 tokens is right on 3 and on 9 problems; beam, at `tokens`, on the first `right`."""
    found = [
        result(p, "best_of_n", n, float(p < most), 100 * n) for n, most in ((1, 3), (4, 9)) for p in range(PROBLEMS)
    ]
    return found + [result(p, "beam", 4, float(p < right), tokens) for p in range(PROBLEMS)]


def test_between_two_cells_the_logarithm_of_the_cost_decides():
    cells = [cell(100, 0, 1), cell(400, 1, 1), cell(1600, 1, 0)]
    assert at_cost(cells, 200) == pytest.approx([0.5, 1])
    assert at_cost(cells, 400) == pytest.approx([1, 1])
    assert at_cost(cells, 1600) == pytest.approx([1, 0])
    assert at_cost(cells, 100 * 4 ** (1 / 4)) == pytest.approx([0.25, 1])


def test_nothing_is_extrapolated():
    cells = [cell(100, 0, 1), cell(400, 1, 1)]
    assert at_cost(cells, 97) is None and at_cost(cells, 409) is None
    assert at_cost(cells[:1], 100) is not None and at_cost(cells[:1], 103) is None


def test_a_cost_that_differs_by_less_than_two_per_cent_is_the_same():
    cells = [cell(100, 0, 1), cell(400, 1, 1)]
    assert at_cost(cells, 99) == pytest.approx([0, 1]) and at_cost(cells, 405) == pytest.approx([1, 1])


def test_a_cell_is_compared_problem_by_problem():
    (one,) = comparisons(results(), "best_of_n", TOKENS, "best")
    # Half-way between 3 and 9 of 12: the first three are right there, the next six by half.
    assert one.difference == pytest.approx((12 - 6) / 12)
    assert (one.better, one.worse) == (9, 0)
    assert one.interval is not None and 0 < one.interval.low < 0.5 < one.interval.high
    assert one.p_value == pytest.approx(2 / 2**9, abs=0.002) and one.verdict == "better"


def test_on_few_problems_the_interval_alone_does_not_decide():
    """Better on 5 problems of 20 and worse on none: the bootstrap's interval excludes 0, but p is 2 / 2^5."""
    gain = np.array([1.0] * 5 + [0.0] * 15)
    one = compared(cell(100, *gain), np.zeros(20))
    assert one.interval is not None and one.interval.low > 0
    assert one.p_value == pytest.approx(1 / 16, abs=0.01) and one.verdict == "cannot tell"


def test_every_cell_can_be_compared_with_one_cell():
    four, beam = comparisons(results(tokens=5000, right=12), "best_of_n", TOKENS, "best", n=1)
    assert (four.cell.searcher, four.cell.scale, four.difference) == ("best_of_n", 4, pytest.approx(6 / 12))
    assert beam.difference == pytest.approx(9 / 12) and (beam.better, beam.worse) == (9, 0)
    with pytest.raises(RunError, match="n=2: best_of_n has 1, 4"):
        comparisons(results(), "best_of_n", TOKENS, "best", n=2)


@pytest.mark.parametrize(
    ("tokens", "right", "verdict"), [(200, 6, "cannot tell"), (300, 0, "worse"), (50, 12, "no baseline")]
)
def test_the_verdict_follows_the_interval(tokens: float, right: int, verdict: str):
    (one,) = comparisons(results(tokens, right), "best_of_n", TOKENS, "best")
    assert one.verdict == verdict


def test_equal_cells_differ_by_nothing():
    (one,) = comparisons(results(400, 9), "best_of_n", TOKENS, "best")
    assert (one.difference, one.interval, one.p_value, one.better, one.worse) == (0, (0, 0), 1, 0, 0)


def test_a_p_value_is_that_of_all_sign_flips():
    """Of seven ones and a minus one, 2 (1 + 8) of 2^8 sign patterns are as far from zero."""
    assert p_value(np.array([1, 1, 1, 1, 1, 1, 1, -1.0])) == pytest.approx(18 / 256, abs=0.01)  # 4 standard errors
    assert p_value(np.ones(40)) == pytest.approx(1 / 10_001)


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(0)
    found = [p_value(rng.normal(size=30), seed) for seed in range(100)]
    assert np.mean(np.array(found) < 0.2) == pytest.approx(0.2, abs=0.15)  # 3.7 standard errors


def test_seeds_of_one_problem_count_once():
    twice = results() + [replace(r, seed=1) for r in results()]
    (one,), (two,) = (comparisons(r, "best_of_n", TOKENS, "best") for r in (results(), twice))
    assert one.interval == two.interval and (one.better, one.p_value) == (two.better, two.p_value)


def test_what_cannot_be_compared_is_said():
    unknown = [costs(r, flops=None) for r in results()]
    for found, baseline, axis, rule, said in [
        (results(), "beem", TOKENS, "best", "Did you mean beam?"),
        (results(), "best_of_n", TOKENS, "particle", "not chosen by particle"),
        (unknown, "best_of_n", Axis.FLOPS, "best", "flops are not known"),
        (results()[: 2 * PROBLEMS], "best_of_n", TOKENS, "best", "no searcher but best_of_n"),
    ]:
        with pytest.raises(RunError, match=said):
            comparisons(found, baseline, axis, rule)


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_results(tmp_path, results())
    assert run("compare", f"run={tmp_path}", "selection=best", "axis=flops") == 0
    out = capsys.readouterr().out
    assert "at equal flops; best; 12 problems, seed 0" in out
    assert "+50.0" in out and "better" in out
