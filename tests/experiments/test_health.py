"""A scorer's health: saturated wrong samples, the slope within a problem, and Bellman residuals, by known values."""

import numpy as np
import pytest

from experiments.analysis.health import Scored, health, residuals
from experiments.reports.health import health_lines, residual_line
from experiments.runs.residuals import Residual
from experiments.runs.residuals import residuals as of_tree
from search import End, Kind, Step, Tree
from search.tree import Path


def scored_tree(scores: dict[Path, float]) -> Tree:
    tree = Tree("q", kind=Kind.VALUE)
    for path, score in scores.items():
        parent = tree[path[:-1]]
        parent.add(parent.reserve(1).start, Step("step", (1,), (0.0,), End.DELIMITER)).score = score
    return tree


def drawn(slope: float, problems: int, samples: int, seed: int = 0) -> list[Scored]:
    """Right with probability sigmoid(slope x + a), x the log-odds of the score, a another number in each problem."""
    rng = np.random.default_rng(seed)
    found: list[Scored] = []
    for _ in range(problems):
        x, ease = rng.normal(0, 1.5, samples), rng.normal(0, 2)
        right = rng.random(samples) < 1 / (1 + np.exp(-(slope * x + ease)))
        found.append(Scored(1 / (1 + np.exp(-x)), right))
    return found


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0, 2.0])
def test_the_slope_is_found_whatever_the_difficulty_of_problems(slope: float) -> None:
    found = health(drawn(slope, 400, 16))
    assert found is not None and found.slope is not None and found.interval is not None
    assert found.slope == pytest.approx(slope, abs=0.12)
    assert found.interval.low < found.slope < found.interval.high


def test_the_interval_of_the_slope_covers_it() -> None:
    inside = 0
    for seed in range(200):
        found = health(drawn(0.5, 60, 8, seed))
        assert found is not None and found.interval is not None
        inside += found.interval.low <= 0.5 <= found.interval.high
    assert 180 <= inside <= 199


def test_saturated_is_the_share_of_wrong_samples() -> None:
    found = health([Scored(np.array([0.995, 0.99, 0.5, 0.999]), np.array([False, False, False, True]))])
    assert found is not None and found.wrong == 3 and found.saturated == pytest.approx(2 / 3)
    assert health([]) is None


def test_scores_that_separate_have_no_finite_slope() -> None:
    found = health([Scored(np.array([0.9, 0.1]), np.array([True, False]))])
    assert found is not None and found.interval is None and found.slope == 100
    assert "tell all right samples" in list(health_lines(found))[1]
    wrong_way = health([Scored(np.array([0.0, 1.0]), np.array([True, False]))])
    assert wrong_way is not None and wrong_way.slope == -100
    none = health([Scored(np.array([0.9, 0.1]), np.array([True, True]))])
    assert none is not None and none.slope is None and none.saturated is None and not list(health_lines(none))


def test_residuals_by_depth() -> None:
    tree = scored_tree({(0,): 0.8, (0, 0): 0.6, (0, 1): 0.2, (0, 0, 0): 0.5, (1,): 0.4})
    tree[(0, 1)].stats["count"] = 3
    found = of_tree(tree) or []
    assert [row[:2] for row in found] == [(1, 1), (2, 1)]
    assert [row.mean for row in found] == pytest.approx([0.8 - 0.3, 0.1])
    tree.kind = Kind.ADDITIVE
    assert of_tree(tree) is None


def test_residuals_are_pooled_by_nodes() -> None:
    class Line:
        def __init__(self, *rows: Residual) -> None:
            self.residuals = list(rows)

    pooled = residuals([Line(Residual(1, 3, 0.1)), Line(Residual(1, 1, 0.5), Residual(2, 2, -0.1))])  # pyright: ignore
    assert {depth: row.nodes for depth, row in pooled.items()} == {1: 4, 2: 2}
    assert [row.mean for row in pooled.values()] == pytest.approx([0.2, -0.1])
    assert next(residual_line(pooled)).endswith("at depth 1, 2, ...: +0.200, -0.100")
    assert not list(residual_line({}))


def test_many_samples_make_no_more_pairs() -> None:
    """Of 4,000 samples of each problem the first hundred right and wrong ones count; the others change nothing."""
    many = drawn(1.0, 5, 4000)
    few = [
        Scored(
            np.concatenate([s[right][:100], s[~right][:100]]),
            np.repeat([True, False], [right.sum().clip(0, 100), (~right).sum().clip(0, 100)]),
        )
        for s, right in many
    ]
    one, other = health(many), health(few)
    assert one is not None and other is not None and one.slope == pytest.approx(other.slope)
