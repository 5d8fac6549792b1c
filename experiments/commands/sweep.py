r"""Searchers x budgets x problems in one process: what each unit of compute bought.

usage: stepsearch sweep [key=value ...]

Every searcher's knobs stand at search.<name>.*; `searchers` says which of them run, and a greedy cell always does.
The run folder gets results.jsonl (a line as each search ends), summary.csv, the curves, config.yaml and versions.json.
Of a searcher whose samples are independent only the largest budget runs; the smaller ones are read off it. Ctrl-C keeps
what has ended, and so does a killed process; `run=FOLDER` goes on where it stopped.

    stepsearch sweep problems.limit=20
    stepsearch sweep problems.limit=20 seeds=[0,1,2]
    stepsearch sweep searchers=[best_of_n,beam] budgets=[1,4,16,64] search.beam.branch=2 out=runs/beam
    stepsearch sweep budget.generated_tokens=[500,1000,2000] search.mcts.simulations=1000 problems.max_level=2
    stepsearch sweep problems=gsm8k problems.path=test.jsonl policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct \
        scorer.model=Qwen/Qwen2.5-Math-PRM-7B
    stepsearch sweep run=runs/beam
    stepsearch sweep policy=toy scorer=toy searchers=[custom] search.custom.cls=mine:MySearcher search.custom.args.n=3
"""

import asyncio
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from experiments.analysis.cells import Cells
from experiments.config.schema import build
from experiments.errors import INTERRUPTED, ConfigError, RunError, one_of
from experiments.problems.sets import Problem
from experiments.reports.sweep import draw, report
from experiments.reports.trackers import Tracking, check_tracker, track
from experiments.runs.appending import appending
from experiments.runs.fingerprints import fingerprint_of, fingerprints
from experiments.runs.folder import asked, check_same, open_run_folder
from experiments.runs.grid import Budgets, Cell, cells, jobs, names
from experiments.runs.preflight import check_kinds, load_engines
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder, TooManyErrors
from experiments.runs.results import RESULTS, read_results
from experiments.runs.stopping import TERMINATED, terminable
from experiments.terminal import plain_lines
from search.errors import KnobError, WorkerDied, check_knob

FREE = ("concurrency", "max_errors", "tracker")  # knobs that change nothing of what has been done


@dataclass(frozen=True)
class Sweep:
    """The knobs of `stepsearch sweep`."""

    search: Any = None
    policy: Any = None
    scorer: Any = None
    problems: Any = None
    selection: Any = None
    searchers: list[str] = field(default_factory=lambda: ["best_of_n", "beam", "mcts", "particle_filter"])
    """which searchers run; their knobs stand at search.<name>.*"""
    budgets: list[int] | None = None
    """values of each searcher's scale knob (n, simulations); [1,4,16] where null and no budget.* is a list"""
    budget: Budgets = field(default_factory=Budgets)
    seeds: list[int] = field(default_factory=lambda: [0])
    """every search is run once with each: the same seed, the same samples"""
    concurrency: int | None = None
    """searches in flight at most; null: as many as the policy's engine takes sequences, or 256"""
    max_errors: int | None = None
    """stop when more searches than this have failed; null: never"""
    trees: bool = False
    """keep every search's tree as JSON in the folder trees/"""
    tracker: Tracking | None = None
    """also send the summary to tensorboard, mlflow or wandb, each an extra"""
    out: str | None = None
    """run folder; runs/sweep-<time> where null"""
    run: str | None = None
    """folder of a run that was cut off, to go on with; nothing else need be given"""

    def __post_init__(self) -> None:
        check_knob(self, "concurrency", least=1)
        check_knob(self, "max_errors", least=0)
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds:
            raise KnobError(f"Sweep.seeds is {self.seeds}; give at least one, and each of them once")


def main(overrides: Sequence[str] = ()) -> int:
    config, words, begun = asked(Sweep, overrides)
    run = build_sweep(config)
    check_tracker(run.tracker)
    problems: list[Problem] = run.problems.load()
    grid = cells(run.search, run.policy, run.budgets, run.budget)
    check_kinds(run.search, run.scorer, run.selection)
    named = {"policy": run.policy, "scorer": run.scorer}
    inputs = {"problems": fingerprint_of(asdict(problem) for problem in problems), **fingerprints(**named)}
    if begun:
        check_same(begun, config, inputs, free=FREE)
    load_engines(run.policy, run.scorer)
    folder = begun or open_run_folder("sweep", run.out, config, words, inputs)
    cut_short = _search(run, problems, grid, folder)
    results = read_results(folder) if (folder / RESULTS).stat().st_size else []
    ended = Cells.of(results)
    if results:
        rows = report(folder, ended, run.selection.rule)
        track(run.tracker, folder, config, rows)
    if cut_short is not None:
        return cut_short
    draw(folder, ended, run.selection.rule)
    return int(all(result.error for result in results))


def _search(run: Sweep, problems: Sequence[Problem], grid: Sequence[Cell], folder: Path) -> int | None:
    """Runs what has not ended yet, a line of results each; the exit code where it was cut short."""
    with appending(folder / RESULTS) as lines:
        before = read_results(folder) if (folder / RESULTS).stat().st_size else []
        done = {result.key for result in before}
        errors_left = math.inf if run.max_errors is None else run.max_errors - sum(bool(r.error) for r in before)
        todo = [name for name in names(problems, grid, run.seeds) if name.key not in done]
        progress = SweepProgress(len(todo), Console(stderr=True))
        recorder = Recorder(lines, folder / "trees" if run.trees else None, run.selection, progress, errors_left)
        # One that waits for its scores asks for nothing: this many searches keep the policy's batch full, or nearly.
        concurrency = run.concurrency or getattr(run.policy, "max_num_seqs", 256)
        try:
            with progress:
                asyncio.run(terminable(recorder.run(jobs(todo, run.scorer), concurrency)))
            return None
        except KeyboardInterrupt:
            why, code = "interrupted", INTERRUPTED
        except asyncio.CancelledError:
            why, code = "terminated", TERMINATED
        except (WorkerDied, RunError) as error:
            why, code = plain_lines(str(error)), 1
        except TooManyErrors:
            why, code = f"more than max_errors={run.max_errors} searches have failed", 1
    ended, of = progress.done + len(done), progress.total + len(done)
    kept = f"{ended} of {of} searches had ended and are kept; run={folder} goes on; short ones end first"
    print(f"{why}: {kept}", file=sys.stderr)
    return code


def build_sweep(config: DictConfig) -> Sweep:
    """The sweep with those searchers that run; the others are not built. Raises ConfigError for an unknown one."""
    names = list(config.searchers)
    for name in names:
        if name not in config.search:
            raise ConfigError(f"searchers: no such searcher {name!r}; choose from {one_of(config.search, str(name))}")
    if len(set(names)) < len(names) or not names:
        raise ConfigError("searchers: name at least one, and each of them once")
    chosen = config.copy()
    chosen.search = {name: config.search[name] for name in names}
    return build(chosen)
