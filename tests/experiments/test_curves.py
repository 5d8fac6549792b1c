"""`stepsearch curves`: what the figure holds, read back from what is drawn."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.cells import Cells
from experiments.analysis.curves import AXES, Chart, chart, larger_greedy
from experiments.errors import RunError
from experiments.reports.curves import caption, draw, ticks
from experiments.runs.results import CellKey, Mark, Result, read_results
from search import Rule
from tests.command_line import run
from tests.results import PROBLEMS, costs, result, write_results, wrong


def figure(results: Sequence[Result], rule: Rule, axes: Sequence[str] = AXES) -> Chart:
    return chart(Cells.of(results).complete(), rule, axes)


@pytest.fixture
def results() -> list[Result]:
    """Twelve problems; of n tries the first n problems are right, but for greedy: the first three."""
    found = [result(p, "greedy", 1, float(p < 3), 100) for p in range(PROBLEMS)]
    for searcher, factor in {"best_of_n": 100, "mcts": 150, "particle_filter": 110}.items():
        found += [result(p, searcher, n, float(p < n), factor * n) for n in (1, 4, 8) for p in range(PROBLEMS)]
    return found


def test_a_point_is_a_mean_over_problems(results: list[Result]):
    drawn = figure(results, Rule.WEIGHTED)
    lines = {line.name: line.points for line in drawn.lines}
    assert list(lines) == ["best_of_n", "mcts", "particle_filter"]
    assert [point.accuracy for point in lines["mcts"]] == pytest.approx([1 / 12, 4 / 12, 8 / 12])
    assert [point.places for point in lines["mcts"]] == [(150.0 * n, 450e9 * n, n) for n in (1, 4, 8)]
    assert all(point.low <= point.accuracy <= point.high for line in lines.values() for point in line)
    assert drawn.greedy == pytest.approx(3 / 12) and (drawn.problems, drawn.seeds) == (PROBLEMS, [0])
    references = {line.name: [point.accuracy for point in line.points] for line in drawn.references}
    assert references == {"majority@N": [0, 0, 0], "pass@N": pytest.approx([1 / 12, 4 / 12, 8 / 12])}


def test_a_rule_is_drawn_for_the_searchers_that_have_it(results: list[Result]):
    assert [line.name for line in figure(results, Rule.PARTICLE).lines] == ["particle_filter"]
    assert [line.name for line in figure(results, Rule.MAJORITY).references] == ["pass@N"]
    with pytest.raises(RunError, match="no searcher's answers were chosen by particle"):
        figure([r for r in results if r.cell.searcher != "particle_filter"], Rule.PARTICLE)


def test_cells_are_compared_over_the_same_problems(results: list[Result]):
    cut = [r for r in results if not (r.problem in ("p0", "p7") and r.cell == CellKey("mcts", 8))]
    drawn = figure(cut, Rule.BEST)
    assert drawn.problems == PROBLEMS - 2
    assert drawn.lines[0].points[-1].accuracy == pytest.approx(6 / 10)
    with pytest.raises(RunError, match="no problem with a gold answer has ended in every cell"):
        figure([r for r in results if (r.problem == "p0") == (r.cell.searcher == "greedy")], Rule.BEST)


def test_an_error_is_drawn_as_wrong(results: list[Result]):
    failed = [replace(r, error="E: x", selections={}, oracle=None) if r.problem == "p0" else r for r in results]
    assert figure(failed, Rule.WEIGHTED).lines[0].points[-1].accuracy == pytest.approx(7 / 12)


def test_the_drawing_shows_the_figure(results: list[Result]):
    drawn = figure(results, Rule.WEIGHTED)
    canvas = draw(drawn)
    assert [panel.get_xlabel().split(" ")[0] for panel in canvas.axes] == ["generated", "FLOPs,", "N:"]
    for axis, panel in enumerate(canvas.axes):
        drawn_line = next(line for line in panel.lines if line.get_label() == "MCTS")
        x, y = (np.asarray(values, dtype=float) for values in drawn_line.get_data())
        unit = 1e9 if axis == 1 else 1
        assert x * unit == pytest.approx([point.places[axis] for point in drawn.lines[1].points])
        assert y == pytest.approx([point.accuracy for point in drawn.lines[1].points])
        low, high = panel.get_xlim()
        assert low < x.min() and x.max() < high
    (legend,) = canvas.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:3] == ["Best-of-N", "MCTS", "particle filter"]
    assert set(labels[3:]) == {"greedy", "majority of Best-of-N", "pass@N of Best-of-N"}
    assert len({(line.get_marker(), str(line.get_linestyle())) for line in canvas.axes[0].lines}) >= 6


def test_a_larger_policy_is_a_line(results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """On the problems of the run, of which it must have all."""
    larger = [result(p, "greedy", 1, float(p < 9), 300) for p in range(PROBLEMS + 1)]
    write_results(tmp_path / "run", [r for r in results if r.problem != "p0"])
    write_results(tmp_path / "large", larger)
    assert run("curves", f"run={tmp_path / 'run'}", f"larger={tmp_path / 'large'}") == 0
    drawn = figure([r for r in results if r.problem != "p0"], Rule.WEIGHTED)
    assert larger_greedy(Cells.of([r for r in results if r.problem != "p0"]), larger) == pytest.approx(8 / 11)
    panel = draw(drawn._replace(larger=("greedy, large", 0.99))).axes[0]
    (line,) = [line for line in panel.get_lines() if line.get_label() == "greedy, large"]
    assert line.get_ydata() == [0.99, 0.99] and panel.get_ylim()[1] > 0.99
    write_results(tmp_path / "part", larger[2:5])
    write_results(tmp_path / "other", [r for r in results if r.cell.searcher == "mcts"])
    capsys.readouterr()
    for name, reason in {
        "part": "8 of the 11 problems are not in it, as p1",
        "other": "no greedy decoding",
        "no": "no such file",
    }.items():
        assert run("curves", f"run={tmp_path / 'run'}", f"larger={tmp_path / name}") != 0
        said = capsys.readouterr().err
        assert f"larger={tmp_path / name}: " in said and reason in said


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_greedy_decoding_is_in_sight(results: list[Result], accuracy: float):
    searched = [r for r in results if r.cell.searcher == "mcts" and r.cell.n == 1]
    drawn = figure([*searched, *(result(p, "greedy", 1, accuracy, 100) for p in range(PROBLEMS))], Rule.WEIGHTED)
    low, high = draw(drawn).axes[0].get_ylim()
    assert drawn.greedy == accuracy and low < accuracy < high


def test_unknown_flops_leave_their_panel_out(results: list[Result]):
    unknown = [costs(r, flops=None) for r in results]
    canvas = draw(figure(unknown, Rule.WEIGHTED))
    assert len(canvas.axes) == 2 and "not known, or nothing: FLOPs" in caption(figure(unknown, Rule.WEIGHTED))


def test_a_swept_budget_is_an_axis(results: list[Result]):
    limited = [
        replace(r, cell=CellKey(r.cell.searcher, 16, (("generated_tokens", 50 * r.cell.n),)))
        for r in results
        if r.cell.searcher != "greedy"
    ]
    drawn = figure(limited, Rule.BEST)
    assert drawn.axes[2].label == "budget (generated tokens)" and drawn.greedy is None
    assert [point.places[2] for point in drawn.lines[0].points] == [50, 200, 400]
    draw(drawn)


@pytest.mark.parametrize(
    ("values", "exact", "expected"),
    [
        ([1, 4, 16], True, [1, 4, 16]),
        ([100, 900], False, [128, 256, 512, 1024]),
        ([1, 2**20], False, [1, 8, 64, 512, 4096, 32768, 262144]),
        ([300, 300], False, [300]),
        ([180], False, [180]),
        ([150, 160], False, [150, 160]),
    ],
)
def test_ticks(values: list[float], exact: bool, expected: list[float]):
    assert ticks(values, exact) == expected


def test_the_command_writes_both_files(results: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_results(tmp_path, results)
    assert read_results(tmp_path) == results
    assert run("curves", f"run={tmp_path}", "selection=best", "name=mine") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "mine.png"), str(tmp_path / "mine.svg")]
    assert (tmp_path / "mine.png").read_bytes()[:4] == b"\x89PNG"
    text = " ".join(ElementTree.parse(tmp_path / "mine.svg").getroot().itertext())
    assert "12 problems, seed 0; answers by highest score; bands: 95 % intervals (Wilson) over problems" in text


@pytest.mark.parametrize("line", ["{", "[]", json.dumps({"problem": "p"})])
def test_a_broken_line_is_named(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "results.jsonl").write_text(line + "\n")
    assert run("curves", f"run={tmp_path}") == 2
    assert "results.jsonl, line 1: not a result of this version" in capsys.readouterr().err


def test_axes_are_chosen(results: list[Result]):
    read = {"prompt_tokens_computed": 10, "scorer_tokens_computed": 20, "policy_calls": 3, "scorer_calls": 4}
    known = [costs(r, unique_tokens=7, **read) for r in results]
    drawn = figure(known, Rule.BEST, ["computed_tokens", "unique_tokens", "calls"])
    assert drawn.lines[0].points[0].places == (130, 7, 7)
    labels = [panel.get_xlabel() for panel in draw(drawn).axes]
    whats = ("computed tokens, policy and scorer", "unique tokens", "calls, policy and scorer")
    assert labels == [f"{what} per problem" for what in whats]


def test_seeds_are_nested_in_problems(results: list[Result]):
    """The same problems with two more seeds: no narrower band, and the mean over seeds."""
    more = [replace(r, seed=seed) for r in results for seed in (0, 1, 2)]
    once, thrice = (figure(found, Rule.WEIGHTED) for found in (results, more))
    assert thrice.lines == once.lines and thrice.seeds == [0, 1, 2]
    (line, *_) = figure([*results, *(wrong(r, seed=1) for r in results)], Rule.WEIGHTED).lines
    assert [point.accuracy for point in line.points] == pytest.approx([p.accuracy / 2 for p in once.lines[0].points])


def test_earlier_ends_are_read_off_the_largest_run(results: list[Result]):
    """Right on all problems from 100 tokens on, of 1200; before 50 there is no answer, and from 50 a wrong one."""
    ends = {50: 0.0, 100: 1.0}
    marks = [Mark({"generated_tokens": at, "flops": at * 3e9}, {"best": ends[at]}) for at in ends]
    told = [replace(r, anytime=marks) if r.cell.searcher == "mcts" else r for r in results]
    (line,) = figure(told, Rule.BEST).earlier
    on_tokens = [(point.places[0], point.accuracy) for point in line.points if point.places[0]]
    assert line.name == "mcts" and len(on_tokens) == 40
    assert on_tokens[0] == (pytest.approx(50), 0) and on_tokens[-1] == (pytest.approx(1200), 1)
    assert all(accuracy == (place >= 100) for place, accuracy in on_tokens)
    assert all(point.places[2] is None for point in line.points), "N is no budget"


def test_cells_are_compared_over_the_same_seeds(results: list[Result]):
    """Best-of-N has a second seed, all wrong, that the others have not come to yet: it does not count."""
    more = [wrong(r, seed=1) for r in results if r.cell.searcher == "best_of_n"]
    assert figure([*results, *more], Rule.WEIGHTED) == figure(results, Rule.WEIGHTED)
