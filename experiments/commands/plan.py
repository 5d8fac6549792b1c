"""Chooses a searcher for a budget, for each level of difficulty, and measures its expected accuracy.

usage: stepsearch plan run=DIR budget=B [key=value ...]

Among the cells of a sweep whose mean cost is within the budget, chooses the most accurate one for each level: the
compute-optimal search of arXiv 2408.03314. The expected accuracy is cross-fitted: a choice made on one half of the
problems is measured on the other half, both ways, over 32 random splits into halves. The best single setting is
measured in the same way, for comparison. Levels of fewer than 10 problems are named: they tell little.
Levels are the problem set's own, or quintiles of the policy's pass rate in another run with other seeds
(`difficulty=`). Writes plan.png and plan.svg, the curve over budgets, and levels.csv, every cell's accuracy by level.

    stepsearch plan run=runs/demo budget=1000
    stepsearch plan run=runs/demo budget=1e10 axis=flops
    stepsearch plan run=runs/aime budget=20000 difficulty=runs/aime-seed-1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.analysis.cells import Cells
from experiments.analysis.left_out import left_out, unknown_costs, without_rule
from experiments.analysis.optimal import (
    ONE_LEVEL,
    Grid,
    choose,
    cross_fitted,
    grid,
    own_levels,
    quintiles,
    settings,
    too_few,
)  # fmt: skip
from experiments.analysis.rules import rule_of
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError
from experiments.reports.fitting import show_table
from experiments.reports.plan import accuracy_line, chart, commands, finding, gain_line, table, write
from experiments.runs.axes import Axis
from experiments.runs.folder import config_of, given_folder
from experiments.runs.results import read_results
from experiments.terminal import screen
from search.errors import check_knob


@dataclass(frozen=True)
class Plan:
    """The knobs of `stepsearch plan`."""

    run: str | None = None
    """the run folder of a sweep"""
    budget: float | None = None
    """limit on the mean cost of a problem, in units of the axis"""
    axis: Axis = Axis.GENERATED_TOKENS
    """compute: generated_tokens, computed_tokens (policy and scorer), unique_tokens, flops or calls"""
    difficulty: str | None = None
    """folder of another run whose pass rates give the difficulty of each problem; null: the set's own levels"""
    seed: int = 0
    """random seed of the splits into halves"""
    selection: Any = None

    def __post_init__(self) -> None:
        check_knob(self, "budget", above=0)
        check_knob(self, "seed", least=0)


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Plan = build(compose(Plan, overrides))
    if knobs.budget is None:
        raise ConfigError("plan needs a run and a budget per problem: run=DIR budget=1000")
    folder, rule = given_folder(knobs), rule_of(knobs.selection)
    every = Cells.of(read_results(folder), [rule.value])
    cells = every.complete()
    world = grid(cells, knobs.axis, rule.value)
    levels = levels_of(cells, world.problems, knobs.difficulty)
    optimal = cross_fitted(world, levels, knobs.budget, knobs.seed)
    single = cross_fitted(world, np.full(len(levels), ONE_LEVEL), knobs.budget, knobs.seed, levels)
    if optimal is None or single is None:
        raise RunError(_why_none(world, levels, knobs))
    chosen = settings(world, levels, knobs.budget)
    show_table(screen(), table(chosen, levels, optimal, knobs.budget, knobs.axis, cells.seeds), names=1)
    lines = [accuracy_line("one setting for all", single)]
    if len(np.unique(levels)) > 1:
        lines = [accuracy_line("by level", optimal), *lines, gain_line(optimal, single)]
    lines += [few] if (few := too_few(levels)) else []
    lines += [*left_out(every, cells), *without_rule(cells, rule.value), *unknown_costs(cells, knobs.axis)]
    print("\n".join([*lines, *commands(chosen, searcher_knobs(folder))]))
    drawn = chart(world, levels, knobs.axis, rule, knobs.seed, cells.seeds)
    title = finding(optimal if len(np.unique(levels)) > 1 else None, single, knobs.budget, knobs.axis)
    for path in write(folder, world, levels, drawn._replace(finding=title)):
        print(path)
    return 0


def _why_none(world: Grid, levels: np.ndarray, knobs: Plan) -> str:
    """Why no setting can be chosen on one half and measured on the other: the budget, or a single problem."""
    if choose(world, np.ones(len(levels), dtype=bool), knobs.budget or 0) is None:
        cheapest = world.cost.mean(1).min()
        return f"budget={knobs.budget:g}: every cell costs more; the cheapest costs {cheapest:,.0f}"
    return "the run has one problem, and two are needed, one to choose on and one to measure on; sweep more problems"


def levels_of(cells: Cells, problems: Sequence[str], difficulty: str | None) -> np.ndarray:
    """The level of each problem, [P] strings. Raises RunError where both runs share a seed, and thus maybe samples."""
    if difficulty is None:
        own = own_levels(cells.results, problems)
        if own is None:
            print("the problems have no levels and share one (difficulty=RUN makes quintiles of the pass rate)")
        return np.full(len(problems), ONE_LEVEL) if own is None else own
    other = read_results(Path(difficulty).expanduser())
    if shared := {result.seed for result in other} & set(cells.seeds):
        raise RunError(
            f"difficulty={difficulty}: both runs have seed {min(shared)}; levels that are estimated on the measured "
            "samples would be biased; run a sweep searchers=best_of_n with other seeds"
        )
    questions = {result.problem: result.question for result in cells.results}
    return quintiles(other, {problem: questions[problem] for problem in problems})


def searcher_knobs(folder: Path) -> dict[str, dict[str, Any]]:
    """The knobs of each searcher in the run's config, by name; empty where the config is unknown."""
    searchers = config_of(folder).get("search") or {}
    return {name: {k: v for k, v in knobs.items() if k != "_target_"} for name, knobs in searchers.items()}
