r"""Runs searchers x budgets x problems, in one process or in workers, and measures what each unit of compute buys.

usage: stepsearch sweep [key=value ...]

The knobs of each searcher are search.NAME.*; `searchers` names those that run. Two settings of one searcher run side by
side as beam,beam@wide: the knobs of the second are search.wide.*, and its results are those of beam@wide. Greedy
decoding always runs where the policy has a `temperature`, or a method `greedy()`.
The run folder gets results.jsonl (a line as each search ends), summary.csv, the curves, config.yaml and versions.json.
Where a searcher's samples are independent, only its largest budget runs; smaller ones are estimated from it. Searches
that ended before Ctrl-C or a kill are saved; `run=FOLDER` resumes the sweep, with more budgets, seeds, problems or
searchers where they are given. The exit code is 1 where a search has failed; `retry=errors` runs those again.

    stepsearch sweep problems.limit=20
    stepsearch sweep problems.limit=20 seeds=0,1,2
    stepsearch sweep searchers=best_of_n,beam budgets=1,4,16,64 search.beam.branch=2 out=runs/beam
    stepsearch sweep searchers=beam,beam@wide search.beam.branch=2 search.wide.branch=8
    stepsearch sweep budget.generated_tokens=500,1000,2000 search.mcts.simulations=1000 problems.max_level=2
    stepsearch sweep problems=gsm8k problems.path=test.jsonl policy.model=Qwen/Qwen2.5-Math-1.5B-Instruct \
        scorer.model=Qwen/Qwen2.5-Math-PRM-7B
    stepsearch sweep second=outcome second.model=nvidia/AceMath-7B-RM selection.by=second
    stepsearch sweep problems.limit=40 workers=ray ray.count=2
    stepsearch sweep problems.limit=40 shard=1/2 out=runs/part-1
    stepsearch sweep run=runs/beam
    stepsearch sweep run=runs/beam budgets=1,4,16,64,256 seeds=0,1
    stepsearch sweep run=runs/beam retry=errors
    stepsearch sweep policy=toy scorer=toy searchers=custom search.custom.cls=mine:MySearcher search.custom.args.n=3
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiments.analysis.cells import Cells
from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.config.settings import setting_of
from experiments.errors import ConfigError, one_of
from experiments.problems.sets import Problem
from experiments.reports.sweep import draw, report
from experiments.reports.trackers import Tracking, check_tracker, track
from experiments.runs.appending import appending
from experiments.runs.fingerprints import part_fingerprints, problems_fingerprint
from experiments.runs.folder import DRAWS_INPUT, OPEN_SCALE, Invocation, invocation
from experiments.runs.grid import GREEDY, Budgets, Cell, Name, cells, names
from experiments.runs.knobs import Changed, Metrics, Retry
from experiments.runs.preflight import check_kinds, with_ends, with_logprobs
from experiments.runs.progress import SweepProgress
from experiments.runs.recorder import Recorder
from experiments.runs.remaining import check_rule, remaining, renewed, results_so_far
from experiments.runs.results import RESULTS
from experiments.runs.resuming import Allowed
from experiments.runs.searching import Searching, Watcher
from experiments.runs.shards import check_not_empty, parse_shard
from experiments.runs.status import announced
from experiments.runs.stopping import Stop
from experiments.runs.tally import Tally
from experiments.runs.tree_files import TREES
from experiments.runs.where import Here, OnRay, Parts, Rebuilt, Terms, Where, terms_of
from experiments.serving.sweep_port import figures_of
from experiments.terminal import failure, notes
from experiments.workers.gpus import gpus_of
from experiments.workers.knobs import Ray, Workers
from search.answers.answers import Answers
from search.errors import KnobError, check_knob
from search.protocols import check_fit

CHANGEABLE = ("concurrency", "workers", "ray", "max_errors", "confirm", "metrics", "tracker", "retry", "changed")
"""Knobs that a resumed run may change."""


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
    """the searchers that run; their knobs are search.NAME.*; another setting of one is beam@wide, with search.wide.*"""
    budgets: list[int] | None = None
    """values of each searcher's scale knob (n, simulations); null: 1,4,16 unless a budget.* is a list"""
    budget: Budgets = field(default_factory=Budgets)
    seeds: list[int] = field(default_factory=lambda: [0])
    """every search runs once with each seed; the same seed gives the same samples"""
    concurrency: int | None = None
    """maximum number of searches in flight; null: the policy engine's max_num_seqs, or 256 where it has none"""
    workers: Workers | None = None
    """ray: workers on Ray, each with its own engines and `concurrency` searches; null: this process alone"""
    ray: Ray = field(default_factory=Ray)
    max_errors: int | None = None
    """stop when more searches than this have failed; null: only where the first 20 all fail"""
    confirm: float | None = 60.0
    """on a terminal: ask whether to go on where more than so many minutes are expected to be left; null: never"""
    metrics: Metrics = field(default_factory=Metrics)
    trees: bool = False
    """save the tree of every search as JSON in the folder trees/"""
    tracker: Tracking | None = None
    """also send the summary to tensorboard, mlflow or wandb, each an optional install"""
    shard: str | None = None
    """i/k: the i-th of k parts, which runs every k-th problem; `stepsearch merge` puts the parts together"""
    out: str | None = None
    """run folder; null: runs/sweep-<time>"""
    run: str | None = None
    """folder of a run to resume, also with more budgets, seeds, problems or searchers; its command line is reused"""
    retry: Retry | None = None
    """with run=: errors runs the searches that failed again; their new results replace the old ones"""
    changed: Changed | None = None
    """with run=: ok goes on where the file of your own class has changed; what has ended stays as it is"""

    def __post_init__(self) -> None:
        check_knob(self, "concurrency", least=1)
        check_knob(self, "max_errors", least=0)
        check_knob(self, "confirm", least=0)
        if self.budgets == []:
            raise KnobError("Sweep.budgets is []; give at least one budget, or null for 1,4,16")
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds:
            raise KnobError(f"Sweep.seeds is {self.seeds}; give at least one seed, and each only once")
        parse_shard(self.shard)


def main(overrides: Sequence[str] = ()) -> int:
    command = invocation(Sweep, overrides)
    run = build_sweep(command.config)
    if command.resumed is None and (run.retry or run.changed):
        raise ConfigError("retry= and changed= are for a run that goes on; name it, run=DIR")
    check_tracker(run.tracker)
    problems: list[Problem] = run.problems.load()
    shard = parse_shard(run.shard)
    check_not_empty(shard, len(problems))
    grid = grid_of(run, command.opens)
    if grid[0].searcher != GREEDY:
        print("this policy has no greedy form (a knob temperature, or a method greedy()): no greedy row")
    check_kinds(run.search, run.scorer, run.selection, run.second)
    check_fit(run.policy, *_readers(run))
    if command.resumed and (command.resumed / RESULTS).exists():
        with appending(command.resumed / RESULTS):  # without an incomplete last line
            check_rule(results_so_far(command.resumed), run.selection.rule.value)
    part = {"problems": problems_fingerprint(problems[: command.problems_before])}
    allowed = Allowed(CHANGEABLE, grows=True, edited=run.changed is Changed.OK, part=part)
    inputs = _inputs(run, command, problems)
    parts = _parts(run)
    with figures_of(run.metrics) as figures, _where(run, parts, command, grid, problems) as where:
        load = partial(announced, command.resumed, where.load)
        folder = command.folder("sweep", run.out, inputs, allowed, load, parts.engines)
        every = shard.searches(list(names(problems, grid, run.seeds)))
        stop = _search(run, grid, every, folder, where, figures)
    results = results_so_far(folder)
    ended = Cells.of(results)
    if results:
        rows = report(folder, ended, run.selection.rule)
        track(run.tracker, folder, command.config, rows)
    if stop:
        return stop.code
    draw(folder, ended, run.selection.rule)
    return int(any(result.error for result in results))


def _where(run: Sweep, parts: Parts, command: Invocation, grid: Sequence[Cell], problems: Sequence[Problem]) -> Where:
    """Where the searches run."""
    questions = [problem.question for problem in problems]
    # A search that waits for scores sends no request: this many searches keep the policy's batch about full.
    concurrency = run.concurrency or getattr(run.policy, "max_num_seqs", 256)
    if run.workers is None:
        return Here(parts, questions, command.draws, concurrency)
    terms = terms_of(command, parts, run.trees, max(questions, key=len))
    return OnRay(run.ray, rebuilt, terms, grid, gpus_of(*parts.engines), concurrency)


def rebuilt(terms: Terms) -> Rebuilt:
    """The sweep, in a worker, which needs no problems: each search brings its own."""
    config = compose(Sweep, terms.words, terms.before)
    run = build_sweep(OmegaConf.merge(config, {"problems": None}))  # pyright: ignore[reportArgumentType]
    return Rebuilt(_parts(run), grid_of(run, terms.opens), config)


def _parts(run: Sweep) -> Parts:
    answers = Answers(run.answer, run.grader)
    policy = with_logprobs(with_ends(run.policy, run.answer), run.trees, *_readers(run))
    return Parts(policy, run.scorer, run.second, answers, run.selection)


def _readers(run: Sweep) -> tuple[Any, ...]:
    return *run.search.values(), run.scorer, run.second


def grid_of(run: Sweep, opens: bool) -> list[Cell]:
    """The cells of a sweep. Raises KnobError as `cells`."""
    return cells(run.search, _parts(run).policy, run.budgets, run.budget, opens)


def _inputs(run: Sweep, command: Invocation, problems: Sequence[Problem]) -> dict[str, str]:
    """The fingerprints of what the run's results depend on, beside its config."""
    models = part_fingerprints(command.inputs_before, run.policy, run.scorer, run.second)
    draws = {DRAWS_INPUT: str(command.draws)} if command.draws > 1 else {}
    opens = {OPEN_SCALE: "1"} if command.opens and run.budget.points else {}
    return {"problems": problems_fingerprint(problems), **models, **draws, **opens}


def _search(
    run: Sweep, grid: Sequence[Cell], every: Sequence[Name], folder: Path, where: Where, figures: Watcher | None
) -> Stop | None:
    """Runs the searches that have no result yet and writes a line for each; prints why where it is stopped."""
    with appending(folder / RESULTS) as lines:
        before = results_so_far(folder)
        kept = [result for result in before if not (run.retry and result.error)]
        for result in renewed(grid, kept):
            lines.append(result.dumps())
        todo = remaining(every, kept)
        errors = sum(result.error is not None for result in kept)
        progress = SweepProgress(len(todo), notes())
        trees = folder / TREES if run.trees else None
        if trees and len(kept) > len(list(trees.glob("*.json"))):
            print("trees=true: searches that ended before have none; theirs stay as they are", file=sys.stderr)
        searching = Searching(where, folder, Tally(todo, kept, where.at_once), progress, figures)
        recorder = Recorder(lines, trees, run.selection, progress, run.max_errors, errors, searching.ended)
        stop = searching.run(todo, recorder, run.confirm)
    if stop:
        ended = f"{progress.done + len(kept)} of {progress.total + len(kept)} searches had ended and are saved"
        resume = f"resume with run={folder}" + ", retry=errors for those that failed" * bool(progress.errors + errors)
        favours = "; these results favour short searches" * bool(progress.done)
        failure(f"{stop.why}: {ended}; {resume}{favours}", stderr=True)
    return stop


def build_sweep(config: DictConfig) -> Sweep:
    """The sweep, built with only the searchers that run. Raises ConfigError for an unknown searcher."""
    names = list(config.searchers)
    for name in names:
        if setting_of(name) not in config.search:
            raise ConfigError(f"searchers: no such searcher {name!r}; choose from {one_of(config.search, str(name))}")
    if len(set(names)) < len(names) or not names:
        raise ConfigError("searchers: name at least one searcher, and each only once")
    chosen = config.copy()
    chosen.search = {name: config.search[setting_of(name)] for name in names}
    return build(chosen)
