"""Prints what sweeps found as Markdown: python -m experiments.benchmarks.frozen.tables out=runs/frozen

A table each for the strong and the weak PRM, over all seeds that ran. `runs=a,b,c` makes one of other sweeps, for
example on vLLM; Best-of-N must be in one of them. Each searcher is compared with Best-of-N at the same mean cost,
problem by problem, as `stepsearch compare` does; differences are in points, with 95 % intervals over problems, not
adjusted for their number. A run that is not yet complete is shown on the problems that have ended in all its cells.
`picture=docs/bigbench` draws the strong PRM's searchers, Again with REBASE, into docs/bigbench.png and .svg;
`larger=runs/strong` adds the greedy decoding of another run's policy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from experiments.analysis.cells import Cells, correct_by_problem, mean
from experiments.analysis.comparisons import Comparison, comparisons
from experiments.analysis.uncertainty import accuracy_interval
from experiments.benchmarks.frozen.__main__ import SWEEPS
from experiments.config.script import from_overrides
from experiments.errors import RunError
from experiments.reports.curves import draw_run
from experiments.reports.tables import with_interval
from experiments.runs.axes import Axis
from experiments.runs.grid import GREEDY
from experiments.runs.results import ORACLE, CellKey, Result, read_results
from search.answers.selection import Rule

BASELINE = "best_of_n"
AXES = (Axis.GENERATED_TOKENS, Axis.FLOPS)
RULES = (Rule.WEIGHTED.value, Rule.BEST.value)
DRAWN = ("fixed", "mcts", "again-rebase")
HEADINGS = ("searcher", "N", "searches", "weighted", "best", "majority", "pass", "tokens", "GFLOP")


@dataclass
class Knobs:
    """What is shown."""

    out: str = "runs/frozen"
    """the folder of the frozen world's runs"""
    runs: list[str] = field(default_factory=list)
    """run folders, instead of those of the frozen world"""
    rules: list[str] = field(default_factory=lambda: [*RULES])
    """the rules by which searchers are compared"""
    picture: str | None = None
    """where a picture goes, without the ending; null: none is drawn"""
    larger: str | None = None
    """the run of a larger policy, whose greedy decoding is a line in the picture"""


def main() -> None:
    knobs = from_overrides(Knobs)
    if knobs.runs:
        tables = {"": {Path(run).name: [Path(run)] for run in knobs.runs}}
    else:
        tables = {f"{prm} PRM": _folders(Path(knobs.out), prm) for prm in ("strong", "weak")}
    for title, folders in tables.items():
        if title:
            print(f"### {title}\n")
        print("\n".join(table(folders, knobs.rules)), end="\n\n")
    if knobs.picture:
        drawn = [folders.get(sweep, []) for folders in list(tables.values())[:1] for sweep in DRAWN]
        every = {result.key: result for paths in drawn for path in paths for result in _results(path)}
        folder, name = Path(knobs.picture).parent, Path(knobs.picture).name
        results = [replace(result, anytime=None) for result in every.values()]  # no thin lines: there are enough
        larger = Path(knobs.larger) if knobs.larger else None
        draw_run(folder, Cells.of(results), Rule.WEIGHTED, name, AXES, larger)


def _folders(out: Path, prm: str) -> dict[str, list[Path]]:
    """The folders of each sweep, a seed each."""
    every = {sweep: sorted(out.glob(f"{prm}-[0-9]*-{sweep}")) for sweep in SWEEPS}
    return {sweep: folders for sweep, folders in every.items() if folders}


def table(folders: Mapping[str, Sequence[Path]], rules: Sequence[str] = RULES) -> Iterator[str]:
    """The lines of one table."""
    results = {sweep: [result for path in paths for result in _results(path)] for sweep, paths in folders.items()}
    baseline = _baseline([result for members in results.values() for result in members])
    if not baseline:
        return
    headings = [*HEADINGS, *(f"{rule}, equal {axis}" for axis in ("tokens", "FLOPs") for rule in rules)]
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    shown = set[CellKey]()
    for sweep, members in results.items():
        own = [result for result in members if result.cell.searcher not in (BASELINE, GREEDY)]
        try:
            cells = Cells.of([*baseline, *own]).complete()
        except RunError:  # nothing has ended in all of its cells
            continue
        gains = {axis: {rule: _gains(cells, axis, rule) for rule in rules} for axis in AXES}
        for key, searches in cells.by_key.items():
            if key in shown and key.searcher == BASELINE:
                continue
            shown.add(key)
            name = sweep if key.searcher in sweep else key.searcher
            compared = [gains[axis][rule].get(key) for axis in gains for rule in rules]
            yield _row(name, key, searches, [_gain(each) for each in compared])


def _baseline(results: Sequence[Result]) -> list[Result]:
    """Best-of-N's largest runs; smaller ones where they cover more searches."""
    by_n: dict[int, list[Result]] = {}
    for result in results:
        if result.cell.searcher == BASELINE:
            by_n.setdefault(result.cell.n, []).append(result)
    return max(by_n.items(), key=lambda item: (len(item[1]), item[0]))[1] if by_n else []


def _results(path: Path) -> list[Result]:
    return read_results(path) if (path / "results.jsonl").stat().st_size else []


def _gains(cells: Cells, axis: Axis, rule: str) -> dict[CellKey, Comparison]:
    """The comparison with the baseline at equal cost of each cell that has one."""
    if cells.searchers == [BASELINE]:
        return {}
    keys = {(key.searcher, key.scale): key for key in cells.by_key}
    return {keys[row.cell.searcher, row.cell.scale]: row for row in comparisons(cells, BASELINE, axis, rule)}


def _row(name: str, key: CellKey, searches: Sequence[Result], gains: Iterable[str]) -> str:
    right = {rule: list(correct_by_problem(searches, rule).values()) for rule in (*RULES, Rule.MAJORITY.value, ORACLE)}
    shares = [f"{100 * sum(numbers) / len(numbers):.1f}" if numbers else "" for numbers in right.values()]
    for place, rule in enumerate(RULES):
        if right[rule]:
            shares[place] += f" ({' to '.join(f'{100 * end:.0f}' for end in accuracy_interval(right[rule]))})"
    tokens = mean([search.ledger.generated_tokens for search in searches]) or 0
    flops = mean([search.ledger.flops for search in searches])
    costs = [f"{tokens:,.0f}", "" if flops is None else f"{flops / 1e9:.1f}"]
    return f"| {' | '.join([name, f'{key.scale:g}', str(len(searches)), *shares, *costs, *gains])} |"


def _gain(row: Comparison | None) -> str:
    if row is None:
        return ""
    if row.difference is None:
        return "beyond Best-of-N's" if row.cell.cost is not None else "unknown cost"
    return with_interval(row.difference.mean, row.difference.interval, "+")


if __name__ == "__main__":
    main()
