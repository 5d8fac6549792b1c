"""Which searcher to use at a budget, for each level of difficulty, and what it is expected to give.

usage: stepsearch plan run=DIR budget=B [key=value ...]

Chooses, among the cells of a sweep whose mean cost is within the budget, the most accurate one for each level: the
compute-optimal search of arXiv 2408.03314. What it is expected to give is measured on problems that it was not chosen
on, in halves, both ways, and stands beside the best single setting, chosen and measured alike. Levels are the problem
set's own, or fifths by the policy's pass rate in another run (`difficulty=`), whose seeds must be others. Writes
plan.png and plan.svg, the same at every budget, and levels.csv, every cell's accuracy by level.

    stepsearch plan run=runs/demo budget=1000
    stepsearch plan run=runs/demo budget=1e10 axis=flops
    stepsearch plan run=runs/aime budget=20000 difficulty=runs/aime-seed-1
"""

import csv
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from experiments.axes import LABELS, Axis
from experiments.bootstrap import interval
from experiments.cells import GREEDY
from experiments.compare import Cell, compared
from experiments.compose import compose
from experiments.curves import RULE_NAMES, Figure, Line, Panel, Point, complete
from experiments.errors import ConfigError, RunError
from experiments.optimal import Grid, Measured, Setting, choose, cross_fitted, curve, grid, own_levels, quintiles
from experiments.results import Result, read_results
from experiments.run_folder import config_of
from experiments.schema import build
from experiments.terminal import exact, number, screen
from search.errors import check_knob

ONE_LEVEL = "all"


@dataclass(frozen=True)
class Plan:
    """The knobs of `stepsearch plan`."""

    run: str | None = None
    """the run folder of a sweep"""
    budget: float | None = None
    """what a problem may cost on average, on the axis"""
    axis: Axis = Axis.GENERATED_TOKENS
    """compute: generated_tokens, computed_tokens (policy and scorer), unique_tokens, flops or calls"""
    difficulty: str | None = None
    """folder of another run, whose samples tell how hard each problem is; null: the set's own levels"""
    seed: int = 0
    """of the halves"""
    selection: Any = None

    def __post_init__(self) -> None:
        check_knob(self, "budget", above=0)
        check_knob(self, "seed", least=0)


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Plan = build(compose(Plan, overrides))
    if not knobs.run or knobs.budget is None:
        raise ConfigError("plan needs the folder of a sweep and a budget per problem: run=DIR budget=1000")
    folder = Path(knobs.run).expanduser()
    results = complete(read_results(folder))
    found = grid(results, knobs.axis, knobs.selection.rule.value)
    levels = levels_of(results, found.problems, knobs.difficulty)
    optimal = cross_fitted(found, levels, knobs.budget, knobs.seed)
    single = cross_fitted(found, np.full(len(levels), ONE_LEVEL), knobs.budget, knobs.seed)
    if optimal is None or single is None:
        cheapest = found.cost.mean(1).min()
        raise RunError(f"budget={knobs.budget:g}: no cell of this run is so cheap; the cheapest spends {cheapest:,.0f}")
    screen().print(table(found, levels, optimal, knobs, results))
    told = [_said("one setting for all", single)]
    if len(np.unique(levels)) > 1:
        told = [_said("by level", optimal), *told, _gain(optimal, single)]
    print("\n".join(told))
    print("\n".join(commands(found, levels, knobs.budget, searcher_knobs(folder))))
    for path in write(folder, found, levels, knobs, results):
        print(path)
    return 0


def levels_of(results: Sequence[Result], problems: Sequence[str], difficulty: str | None) -> np.ndarray:
    """[P] of texts. Raises RunError where the difficulty was estimated on the samples that are measured."""
    if difficulty is None:
        own = own_levels(results, problems)
        if own is None:
            print("the problems have no levels: one level for all (difficulty=RUN takes fifths of the pass rate)")
        return np.full(len(problems), ONE_LEVEL) if own is None else own
    other = read_results(Path(difficulty).expanduser())
    if shared := {r.seed for r in other} & {r.seed for r in results}:
        raise RunError(
            f"difficulty={difficulty}: both runs have seed {min(shared)}, so its samples may be the ones that are "
            "measured, and luck would pass for ease; sweep searchers=[best_of_n] anew with other seeds"
        )
    questions = {result.problem: result.question for result in results}
    return quintiles(other, {problem: questions[problem] for problem in problems})


def table(found: Grid, levels: np.ndarray, optimal: Measured, knobs: Plan, results: Sequence[Result]) -> Table:
    """A line for each level: the choice on all its problems, and what choices made on a half gave on the other."""
    seeds = ", ".join(map(str, sorted({result.seed for result in results})))
    title = f"at most {number(knobs.budget)} {LABELS[knobs.axis]} a problem; {len(levels)} problems, seed {seeds}"
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("level", "problems", "searcher", "N", "cost", "expected %", "95 % interval"):
        shown.add_column(heading, justify="left" if heading in ("level", "searcher") else "right", no_wrap=True)
    for level, setting in settings(found, levels, knobs.budget or 0).items():
        of = levels == level
        correct = optimal.correct[of]
        low, high = interval(correct.tolist())
        cost = number(float(optimal.cost[of].mean()))
        figures = (f"{100 * correct.mean():.1f}", f"{100 * low:.0f} to {100 * high:.0f}")
        scale = number(next(iter(dict(setting.budget).values()), setting.n))
        shown.add_row(level, str(int(of.sum())), setting.searcher, scale, cost, *figures)
    return shown


def settings(found: Grid, levels: np.ndarray, budget: float) -> dict[str, Setting]:
    """The best setting within the budget for each level, by all of its problems."""
    whole = choose(found, np.ones(len(levels), dtype=bool), budget)
    chosen = {str(level): choose(found, levels == level, budget) for level in np.unique(levels)}
    return {level: found.settings[whole or 0 if place is None else place] for level, place in chosen.items()}


def _said(what: str, measured: Measured) -> str:
    low, high = measured.interval
    accuracy = f"{100 * measured.accuracy:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"
    return f"{what}: {accuracy} for {number(float(measured.cost.mean()))} a problem, on problems not chosen on"


def _gain(optimal: Measured, single: Measured) -> str:
    gain = compared(Cell("by level", 0, float(optimal.cost.mean()), optimal.correct), single.correct)
    assert gain.difference is not None and gain.interval is not None
    low, high = gain.interval
    told = {"better": "levels help", "worse": "levels harm"}.get(gain.verdict, "cannot tell whether levels help")
    figures = f"{100 * gain.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}, p {gain.p_value:.3f})"
    return f"difference: {figures}: {told}"


def commands(found: Grid, levels: np.ndarray, budget: float, knobs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The words that search so, for each level."""
    lines = ["to search so:"]
    for level, setting in settings(found, levels, budget).items():
        if setting.searcher not in knobs:
            greedy = "search=best_of_n search.n=1 policy.temperature=0"
            lines.append(f"  level {level}: {greedy if setting.searcher == GREEDY else setting.searcher}")
            continue
        own = dict(knobs[setting.searcher])
        given = own.pop("args", None) or {}
        if setting.searcher != "custom":
            own["simulations" if "simulations" in own else "n"] = setting.n
        limits = [f"budget.{name}={exact(value)}" for name, value in setting.budget]
        words = [f"search.{name}={_word(value)}" for name, value in own.items()]
        words += [f"search.args.{name}={_word(value)}" for name, value in given.items()]
        words += [f"(its scale at {setting.n})"] * (setting.searcher == "custom")
        lines.append(f"  level {level}: " + " ".join([f"search={setting.searcher}", *words, *limits]))
    return lines


def _word(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return shlex.quote(text)


def searcher_knobs(folder: Path) -> dict[str, dict[str, Any]]:
    """Of the searchers that the run was composed of, by name; greedy is `best_of_n` at temperature 0."""
    chosen = config_of(folder).get("search") or {}
    return {name: {k: v for k, v in knobs.items() if k != "_target_"} for name, knobs in chosen.items()}


def write(folder: Path, found: Grid, levels: np.ndarray, knobs: Plan, results: Sequence[Result]) -> list[Path]:
    """Raises RunError where a file cannot be written."""
    from experiments.figure import save

    try:
        with (folder / "levels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["level", "searcher", "n", "budget", "problems", "accuracy", "ci_low", "ci_high", "cost"])
            writer.writerows(_rows(found, levels))
        return [folder / "levels.csv", *save(figure(found, levels, knobs, results), folder / "plan")]
    except OSError as error:
        raise RunError(f"{folder} cannot be written to: {error.strerror}") from error


def _rows(found: Grid, levels: np.ndarray) -> Iterator[list[object]]:
    for level in np.unique(levels):
        of = levels == level
        for setting, correct, cost in zip(found.settings, found.correct[:, of], found.cost[:, of], strict=True):
            limit = next(iter(dict(setting.budget).values()), "")
            spread = interval(correct.tolist())
            yield [level, setting.searcher, setting.n, limit, int(of.sum()), correct.mean(), *spread, cost.mean()]


def figure(found: Grid, levels: np.ndarray, knobs: Plan, results: Sequence[Result]) -> Figure:
    """The compute-optimal curve, that of one setting for all problems, and Best-of-N."""

    def line(name: str, of: Sequence[tuple[float, Measured]]) -> Line:
        return Line(name, [Point((float(m.cost.mean()),), m.accuracy, *m.interval) for _, m in of])

    one = np.full(len(levels), ONE_LEVEL)
    lines = [line("one_setting", curve(found, one, knobs.seed))]
    if len(np.unique(levels)) > 1:
        lines.insert(0, line("compute_optimal", curve(found, levels, knobs.seed)))
    reference = [
        Point((float(cost.mean()),), float(correct.mean()), *interval(correct.tolist()))
        for setting, correct, cost in zip(found.settings, found.correct, found.cost, strict=True)
        if setting.searcher == "best_of_n"
    ]
    return Figure(
        axes=[Panel(f"{LABELS[knobs.axis]} per problem", exact=False)],
        lines=lines,
        earlier=[],
        references=[Line("every_best_of_n", reference)],
        greedy=None,
        problems=len(found.problems),
        seeds=sorted({result.seed for result in results}),
        chosen=f"answers by {RULE_NAMES[knobs.selection.rule.value]}, settings chosen on the other half",
    )


if __name__ == "__main__":
    from experiments.cli import main as command

    sys.exit(command(["plan", *sys.argv[1:]]))
