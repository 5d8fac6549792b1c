r"""Runs searchers x budgets x problems in one process and measures what each unit of compute buys.

usage: stepsearch sweep [key=value ...]

The knobs of each searcher are search.<name>.*; `searchers` names those that run, and greedy decoding always runs.
The run folder gets results.jsonl (a line as each search ends), summary.csv, the curves, config.yaml and versions.json.
Where a searcher's samples are independent, only its largest budget runs; smaller ones are estimated from it. Searches
that ended before Ctrl-C or a kill are saved; `run=FOLDER` resumes the sweep.

    stepsearch sweep problems.limit=20
    stepsearch sweep problems.limit=20 seeds=0,1,2
    stepsearch sweep searchers=best_of_n,beam budgets=1,4,16,64 search.beam.branch=2 out=runs/beam
    stepsearch sweep budget.generated_tokens=500,1000,2000 search.mcts.simulations=1000 problems.max_level=2
    stepsearch sweep problems=gsm8k problems.path=test.jsonl policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct \
        scorer.model=Qwen/Qwen2.5-Math-PRM-7B
    stepsearch sweep second=outcome second.model=nvidia/AceMath-7B-RM selection.by=second
    stepsearch sweep run=runs/beam
    stepsearch sweep policy=toy scorer=toy searchers=custom search.custom.cls=mine:MySearcher search.custom.args.n=3
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiments.analysis.cells import Cells
from experiments.config.schema import build
from experiments.errors import ConfigError, one_of
from experiments.problems.sets import Problem
from experiments.reports.sweep import draw, report
from experiments.reports.trackers import Tracking, check_tracker, track
from experiments.runs.appending import appending
from experiments.runs.fingerprints import fingerprint_of, fingerprints, prompt_fingerprint
from experiments.runs.folder import DRAWS_INPUT, invocation
from experiments.runs.grid import Budgets, Name, cells, jobs, names
from experiments.runs.preflight import check_kinds, warn_of_context, with_ends
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder
from experiments.runs.results import RESULTS, read_results
from experiments.runs.stopping import Stop, until_stopped
from experiments.runs.tree_files import TREES
from experiments.terminal import notes
from search.answers.answers import Answers
from search.errors import KnobError, check_knob
from search.protocols import check_logprobs

CHANGEABLE = ("concurrency", "max_errors", "tracker")  # knobs that a resumed run may change


@dataclass(frozen=True)
class Sweep:
    """The knobs of `stepsearch sweep`."""

    search: Any = None
    policy: Any = None
    scorer: Any = None
    second: Any = None
    problems: Any = None
    selection: Any = None
    answer: Any = None
    grader: Any = None
    searchers: list[str] = field(default_factory=lambda: ["best_of_n", "beam", "mcts", "particle_filter"])
    """the searchers that run; their knobs are search.<name>.*"""
    budgets: list[int] | None = None
    """values of each searcher's scale knob (n, simulations); null: 1,4,16 unless a budget.* is a list"""
    budget: Budgets = field(default_factory=Budgets)
    seeds: list[int] = field(default_factory=lambda: [0])
    """every search runs once with each seed; the same seed gives the same samples"""
    concurrency: int | None = None
    """maximum number of searches in flight; null: the policy engine's max_num_seqs, or 256 where it has none"""
    max_errors: int | None = None
    """stop when more searches than this have failed; null: never"""
    trees: bool = False
    """save the tree of every search as JSON in the folder trees/"""
    tracker: Tracking | None = None
    """also send the summary to tensorboard, mlflow or wandb, each an optional install"""
    out: str | None = None
    """run folder; null: runs/sweep-<time>"""
    run: str | None = None
    """folder of a run to resume; its command line is reused"""

    def __post_init__(self) -> None:
        check_knob(self, "concurrency", least=1)
        check_knob(self, "max_errors", least=0)
        if self.budgets == []:
            raise KnobError("Sweep.budgets is []; give at least one budget, or null for 1,4,16")
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds:
            raise KnobError(f"Sweep.seeds is {self.seeds}; give at least one seed, and each only once")


def main(overrides: Sequence[str] = ()) -> int:
    command = invocation(Sweep, overrides)
    run = build_sweep(command.config)
    check_tracker(run.tracker)
    problems: list[Problem] = run.problems.load()
    policy = with_ends(run.policy, run.answer)
    grid = cells(run.search, policy, run.budgets, run.budget)
    check_kinds(run.search, run.scorer, run.selection, run.second)
    check_logprobs(run.policy, *run.search.values(), run.scorer, run.second)
    models = fingerprints(policy=run.policy, scorer=run.scorer, second=run.second)
    prompt = prompt_fingerprint(run.policy, command.inputs_before)
    inputs = {"problems": fingerprint_of(asdict(problem) for problem in problems), **models, **prompt}
    if command.draws > 1:
        inputs[DRAWS_INPUT] = str(command.draws)
    engines = (policy, run.scorer, run.second)
    folder = command.folder("sweep", run.out, inputs, CHANGEABLE, engines)
    warn_of_context(policy, engines[1:], [problem.question for problem in problems])
    stop = _search(run, names(problems, grid, run.seeds), folder, command.draws)
    results = read_results(folder) if (folder / RESULTS).stat().st_size else []
    ended = Cells.of(results)
    if results:
        rows = report(folder, ended, run.selection.rule)
        track(run.tracker, folder, command.config, rows)
    if stop:
        return stop.code
    draw(folder, ended, run.selection.rule)
    return int(all(result.error for result in results))


def _search(run: Sweep, all_names: Iterable[Name], folder: Path, draws: int) -> Stop | None:
    """Runs the searches that have no result yet and writes a line for each; prints why where it is stopped."""
    with appending(folder / RESULTS) as lines:
        before = read_results(folder) if (folder / RESULTS).stat().st_size else []
        done = {result.key for result in before}
        todo = [name for name in all_names if name.key not in done]
        errors = sum(result.error is not None for result in before)
        progress = SweepProgress(len(todo), notes())
        trees = folder / TREES if run.trees else None
        recorder = Recorder(lines, trees, run.selection, progress, run.max_errors, errors)
        # A search that waits for scores sends no request: this many searches keep the policy's batch about full.
        concurrency = run.concurrency or getattr(run.policy, "max_num_seqs", 256)
        with progress:
            stop = until_stopped(
                recorder.run(jobs(todo, run.scorer, draws, run.second, Answers(run.answer, run.grader)), concurrency)
            )
    if stop:
        ended = f"{progress.done + len(done)} of {progress.total + len(done)} searches had ended and are saved"
        print(f"{stop.why}: {ended}; resume with run={folder}; these results favour short searches", file=sys.stderr)
    return stop


def build_sweep(config: DictConfig) -> Sweep:
    """The sweep, built with only the searchers that run. Raises ConfigError for an unknown searcher."""
    names = list(config.searchers)
    for name in names:
        if name not in config.search:
            raise ConfigError(f"searchers: no such searcher {name!r}; choose from {one_of(config.search, str(name))}")
    if len(set(names)) < len(names) or not names:
        raise ConfigError("searchers: name at least one searcher, and each only once")
    chosen = config.copy()
    chosen.search = {name: config.search[name] for name in names}
    return build(chosen)
