"""`stepsearch compare`: the baseline at a cost, pairing, what is counted and what is said, against known answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analysis.baseline import Baseline, Cell
from experiments.analysis.cells import Cells
from experiments.analysis.comparisons import Comparison, adjusted, at_equal_scale, compared
from experiments.analysis.comparisons import comparisons as comparisons_of
from experiments.analysis.fewer_samples import at
from experiments.analysis.summary import summarise
from experiments.errors import RunError
from experiments.reports.tables import expected_count, summary_table
from experiments.runs.axes import Axis
from experiments.runs.results import CellKey, Result, Sample
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


def baseline(*cells: Cell) -> Baseline:
    """A baseline of these cells alone, each of the problems p0, p1, ..."""
    found = [
        result(p, "best_of_n", n, correct, cell.cost or 0)
        for n, cell in enumerate(cells, 1)
        for p, correct in enumerate(cell.correct)
    ]
    return Baseline(Cells(found), "best_of_n", TOKENS, "best", [f"p{p}" for p in range(len(cells[0].correct))])


def correct(cell: Cell | None) -> list[float] | None:
    return None if cell is None else cell.correct.tolist()


def test_between_two_cells_the_logarithm_of_the_cost_decides():
    base = baseline(cell(100, 0, 1), cell(400, 1, 1), cell(1600, 1, 0))
    assert correct(base.at_cost(200)) == pytest.approx([0.5, 1])
    assert correct(base.at_cost(400)) == pytest.approx([1, 1])
    assert correct(base.at_cost(1600)) == pytest.approx([1, 0])
    assert correct(base.at_cost(100 * 4 ** (1 / 4))) == pytest.approx([0.25, 1])
    searched = [one is not None and one.searched for one in map(base.at_cost, (100, 200, 400))]
    assert searched == [True, False, True]


def test_nothing_is_extrapolated():
    base = baseline(cell(100, 0, 1), cell(400, 1, 1))
    assert base.at_cost(97) is None and base.at_cost(409) is None
    alone = baseline(cell(100, 0, 1))
    assert alone.at_cost(100) is not None and alone.at_cost(103) is None


def test_a_cost_that_differs_by_less_than_two_per_cent_is_the_same():
    base = baseline(cell(100, 0, 1), cell(400, 1, 1))
    assert correct(base.at_cost(99)) == pytest.approx([0, 1]) and correct(base.at_cost(405)) == pytest.approx([1, 1])


def voters(problem: int, wrong: int) -> Result:
    """Best-of-8, 800 tokens: `wrong` samples agree on a wrong answer, the others on the right one, and score higher."""
    samples = [Sample("1", 0, True, 0.9, 0.9)] * (8 - wrong) + [Sample("2", 1, False, 0.1, 0.1)] * wrong
    return result(problem, "best_of_n", 8, 1.0, 800, samples=samples, smaller=[1, 4])


@pytest.mark.parametrize("rule", ["majority", "best", "oracle"])
def test_samples_give_the_baseline_at_every_n(rule: str):
    """At the cost of 3 samples, which no cell has, it is exact, and not between those of 1 and of 4."""
    members = [voters(p, wrong) for p, wrong in enumerate((2, 4, 5, 7))]
    base = Baseline(Cells.of(members), "best_of_n", TOKENS, rule, ["p0", "p1", "p2", "p3"])
    for k in range(1, 8):
        exact = [at(one, k).correct(rule) for one in members]
        assert correct(base.at_cost(100 * k)) == correct(base.at_scale(k)) == exact
    two, three = (np.array(correct(base.at_scale(k))) for k in (2, 3))
    assert correct(base.at_cost(np.sqrt(200 * 300))) == pytest.approx((two + three) / 2), "between neighbours"
    pass_at_3 = [1 - wrong * (wrong - 1) * (wrong - 2) / (8 * 7 * 6) for wrong in (2, 4, 5, 7)]
    assert rule != "oracle" or correct(base.at_scale(3)) == pytest.approx(pass_at_3)
    with pytest.raises(RunError, match="n=9: best_of_n has 1 to 8"):
        comparisons(members, "best_of_n", TOKENS, rule, n=9)


@pytest.mark.parametrize("rule", ["majority", "best", "weighted"])
def test_the_rule_that_is_asked_for_is_estimated_alone_with_the_same_figures(rule: str):
    members = [voters(p, wrong) for p, wrong in enumerate((2, 4, 5, 7))]
    beams = [result(p, "beam", n, float(p < n), 150 * n) for n in (1, 2, 4) for p in range(4)]
    alone, all_of_them = (Cells.of([*members, *beams], rules) for rules in ([rule], None))
    of = [comparisons_of(cells, "best_of_n", TOKENS, rule) for cells in (alone, all_of_them, Cells([*members, *beams]))]
    said = [[(one.verdict, one.p_value, one.difference, one.cell.correct.tolist()) for one in found] for found in of]
    assert said[0] == said[1] == said[2], "and the same as without any cell that is estimated before"


def test_a_cell_is_compared_problem_by_problem():
    (one,) = comparisons(results(), "best_of_n", TOKENS, "best")
    # Half-way between 3 and 9 of 12: the first three are right there, the next six by half.
    assert one.difference is not None and one.difference.mean == pytest.approx((12 - 6) / 12)
    low, high = one.difference.interval
    assert 0 < low < 0.5 < high and one.verdict == "better"
    assert (one.better, one.worse) == (None, None), "an interpolated value is no result that one could be better than"


def test_better_and_worse_are_counted_between_searches():
    (one,) = comparisons(results(400, 6), "best_of_n", TOKENS, "best")
    assert (one.better, one.worse) == (0, 3) and one.difference is not None and one.difference.mean == -0.25


def test_on_few_problems_a_few_do_not_decide():
    """Better on 3 problems of 20 and worse on none: p is 2 / 2^3 by the signs."""
    one = compared(cell(100, *[1.0] * 3, *[0.0] * 17), cell(100, *[0.0] * 20))
    assert one.difference is not None and one.p_value is not None and one.p_value > 0.1 and one.verdict == "cannot tell"


def test_p_is_adjusted_for_all_comparisons_of_a_call():
    one = compared(cell(100, *[1.0] * 7, *[0.0] * 23), cell(100, *[0.0] * 30))
    nothing = compared(cell(100, *[0.0] * 30), None)
    assert one.difference is not None and 0.005 < one.difference.p_value < 0.0125
    found = adjusted([one, nothing, one, one, one])
    assert found[0].p_value == pytest.approx(4 * one.difference.p_value) and found[1].p_value is None
    assert [each.verdict for each in adjusted([one] * 12)] == ["cannot tell"] * 12
    assert found[0].verdict == "better" and found[1].verdict == "no baseline"


def test_every_cell_can_be_compared_with_one_cell():
    four, beam = comparisons(results(tokens=5000, right=12), "best_of_n", TOKENS, "best", n=1)
    assert four.difference is not None and beam.difference is not None
    assert (four.cell.searcher, four.cell.scale, four.difference.mean) == ("best_of_n", 4, pytest.approx(6 / 12))
    assert beam.difference.mean == pytest.approx(9 / 12) and (beam.better, beam.worse) == (9, 0)
    with pytest.raises(RunError, match="n=2: best_of_n has 1, 4"):
        comparisons(results(), "best_of_n", TOKENS, "best", n=2)


def test_cells_are_compared_at_the_same_n():
    (beam,) = at_equal_scale(Cells(results(5000, 12)), "best_of_n", "best")
    assert beam.difference is not None and beam.difference.mean == pytest.approx(3 / 12) and beam.worse == 0


@pytest.mark.parametrize(
    ("tokens", "right", "verdict"), [(200, 6, "cannot tell"), (300, 0, "worse"), (50, 12, "no baseline")]
)
def test_the_verdict_follows_the_interval(tokens: float, right: int, verdict: str):
    (one,) = comparisons(results(tokens, right), "best_of_n", TOKENS, "best")
    assert one.verdict == verdict


def test_equal_cells_differ_by_nothing():
    (one,) = comparisons(results(400, 9), "best_of_n", TOKENS, "best")
    assert one.difference is not None and (one.difference.mean, one.p_value, one.better, one.worse) == (0, 1, 0, 0)
    assert one.difference.interval.low < 0 < one.difference.interval.high, "12 problems do not show that they are equal"


def test_seeds_of_one_problem_count_once():
    twice = results() + [replace(r, seed=1) for r in results()]
    (one,), (two,) = (comparisons(r, "best_of_n", TOKENS, "best") for r in (results(), twice))
    assert one.difference is not None and two.difference is not None
    assert one.difference.mean == two.difference.mean and one.cell.correct.tolist() == two.cell.correct.tolist()


def test_what_cannot_be_compared_is_said():
    unknown = [costs(r, flops=None) for r in results()]
    for found, baseline, axis, rule, said in [
        (results(), "beem", TOKENS, "best", "Did you mean beam?"),
        (results(), "best_of_n", TOKENS, "particle", "not chosen by particle"),
        (unknown, "best_of_n", Axis.FLOPS, "best", "flops are not known for every search"),
        (results()[: 2 * PROBLEMS], "best_of_n", TOKENS, "best", "no searcher but best_of_n"),
    ]:
        with pytest.raises(RunError, match=said):
            comparisons(found, baseline, axis, rule)


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_results(tmp_path, results())
    assert run("compare", f"run={tmp_path}", "selection=best", "axis=flops") == 0
    out = capsys.readouterr().out
    assert "at equal flops; best; 12 problems, seed 0; 1 comparison" in out and "needed: with so many problems" in out
    assert "+50.0" in out and "better" in out
    more = [replace(r, cell=CellKey("mcts", 4)) for r in results() if r.cell.searcher == "beam"]
    write_results(tmp_path, [*results(), *more])
    assert run("compare", f"run={tmp_path}", "selection=best") == 0
    assert "2 comparisons, p adjusted for all of them (Holm)" in " ".join(capsys.readouterr().out.split())


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The table is of five problems; beam's second seed is alone, and three of its searches have failed."""
    found = [r for r in results() if r.cell != CellKey("best_of_n", 4) or r.problem in [f"p{p}" for p in range(5)]]
    found += [replace(r, seed=1) for r in results() if r.cell.searcher == "beam"]
    found = [r if r.problem != "p11" else replace(r, gold=None) for r in found]
    failed = {"error": "E: x", "selections": {}, "oracle": None}
    found = [replace(r, **failed) if r.cell.searcher == "beam" and r.problem < "p11" else r for r in found]
    write_results(tmp_path, found)
    assert run("compare", f"run={tmp_path}", "selection=best") == 0
    out = capsys.readouterr().out
    assert "best; 5 problems, seed 0" in " ".join(out.split())
    assert "1 of 12 problems have no gold answer and are left out" in out
    assert "6 of 12 problems are left out: they did not end in every cell (best_of_n at 4 has 5)" in out
    assert "5 of 20 searches are left out: their seed did not end in every cell" in out
    assert "failed searches count as wrong, at their cost until then: beam at 4 (2 of 5)" in out


def test_an_unknown_cost_is_a_row_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One search of beam has no FLOPs: its row stays, without a comparison."""
    found = [costs(r, flops=None) if (r.cell.searcher, r.problem) == ("beam", "p3") else r for r in results()]
    write_results(tmp_path, found)
    assert run("compare", f"run={tmp_path}", "selection=best", "axis=flops") == 0
    out = capsys.readouterr().out
    assert "cost unknown" in out and "0 comparisons" in out
    assert "FLOPs are not known for beam at 4 (1 of 12), which have no place there" in out
    assert run("compare", f"run={tmp_path}", "selection=particle") == 2


def test_a_summary_counts_problems_where_cells_differ():
    rows = summarise(Cells([r for r in results() if r.cell.searcher != "beam" or r.problem != "p3"]))
    headings = [str(column.header) for column in summary_table(rows, "best").columns]
    assert "problems" in headings
    assert "problems" not in [column.header for column in summary_table(summarise(Cells(results())), "best").columns]


def test_a_probability_of_no_answer_is_shown_as_a_count():
    assert [expected_count(value) for value in (1.59e-05, 0, 3, 2.26, 12.0)] == ["0", "0", "3", "2.3", "12"]
