"""How good is this scorer? At step level on labelled solutions, and at answer level as the best of N.

usage: stepsearch judge data=SET data.path=PATH [key=value ...]

Every solution is scored whole, none is cut. The run folder gets scores.jsonl (a line as each is scored), summary.json,
summary.csv, judge.png, config.yaml and versions.json; `run=FOLDER` goes on where it stopped; with
`run=FOLDER threshold=0.3` or `reduction=last` the scores that are there are looked at anew.

    stepsearch judge data=processbench data.path=processbench scorer=checks
    stepsearch judge data=prmbench data.path=prmbench/classified scorer.model=Qwen/Qwen2.5-Math-PRM-7B
    stepsearch judge data=labelled data.path=mine.jsonl scorer=custom scorer.cls=mine:MyScorer threshold=0.3
    stepsearch judge data=completions data.path=run.jsonl.gz stored=true
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from experiments.analysis.judgement import HALF, Threshold, judgement
from experiments.config.schema import build
from experiments.errors import INTERRUPTED, RunError
from experiments.problems.labelled import ProcessBench
from experiments.problems.solution import Solution, check_ids
from experiments.runs.appending import Lines, appending
from experiments.runs.fingerprints import fingerprint_of, fingerprints
from experiments.runs.folder import asked, check_same, open_run_folder
from experiments.runs.preflight import load_engines
from experiments.runs.progress import SweepProgress
from experiments.runs.scoring import SCORES, Scores, score_all
from experiments.runs.stopping import TERMINATED, terminable
from experiments.terminal import plain, plain_lines, screen
from search.errors import KindError, WorkerDied, check_knob
from search.tree.scores import Kind, Reduction, reduction_for


@dataclass(frozen=True)
class Judge:
    """The knobs of `stepsearch judge`."""

    scorer: Any = None
    data: Any = None
    threshold: float | None = None
    """a step below it counts as wrong; null: on ProcessBench that of highest F1 on the first subset, else 0.5 (of an
    additive scorer 0)"""
    reduction: Reduction | None = None
    """from a solution's scores to its vote in best of N: last, min, product, mean or sum; the kind's own where null"""
    stored: bool = False
    """judge the scores that the file holds, and ask no scorer"""
    concurrency: int = 256
    """solutions in flight at most"""
    out: str | None = None
    """run folder; runs/judge-<time> where null"""
    run: str | None = None
    """folder of a run that was cut off, to go on with; nothing else need be given"""

    def __post_init__(self) -> None:
        check_knob(self, "concurrency", least=1)


def main(overrides: Sequence[str] = ()) -> int:
    config, words, begun = asked(Judge, overrides)
    run: Judge = build(config)
    solutions: list[Solution] = run.data.load()
    check_ids(solutions)
    stored = [s for s in solutions if s.scores is not None]
    if run.stored and not stored:
        raise RunError("stored=true: no solution in the file has scores; leave it out to ask the scorer")
    kind = Kind.CORRECTNESS if run.stored else run.scorer.kind
    if kind is Kind.RANKING:
        raise KindError("a ranking orders siblings only: its numbers do not compare saved solutions")
    reduction = reduction_for(kind, run.reduction)
    inputs = {"data": fingerprint_of(asdict(solution) for solution in solutions), **fingerprints(scorer=run.scorer)}
    if begun:
        check_same(begun, config, inputs, free=("threshold", "reduction", "concurrency"))
    folder = begun or open_run_folder("judge", run.out, config, words, inputs)
    scores, cut_short = Scores(folder / SCORES), None
    if run.stored:
        if missing := len(solutions) - len(stored):
            print(f"{missing} of {len(solutions)} solutions have no stored score for every step and are left out")
        scores.take_stored(stored)
    else:
        cut_short = _score(run, [s for s in solutions if s.id not in scores.of], scores, folder / SCORES)
    default = Threshold(0.0 if kind is Kind.ADDITIVE else HALF, "default")
    asked_for = Threshold(run.threshold, "given") if run.threshold is not None else None
    threshold = asked_for or (None if isinstance(run.data, ProcessBench) else default)
    report(folder, [s for s in solutions if s.id in scores.of], scores, kind, threshold, reduction)
    return int(not scores.of) if cut_short is None else cut_short


def report(
    folder: Path,
    solutions: Sequence[Solution],
    scores: Scores,
    kind: Kind,
    threshold: Threshold | None,
    reduction: Reduction,
) -> None:
    """Prints and writes what can be said of the solutions that are scored, and the first failure."""
    if scores.errors:
        name, error = next(iter(scores.errors.items()))
        print(f"{len(scores.errors)} solutions could not be scored and are left out; the first, {name}: {plain(error)}")
    if not solutions:
        return
    from experiments.reports.judgement import show, write  # loads matplotlib

    found = judgement(solutions, scores.of, len(scores.errors), kind, threshold, reduction)
    show(found, screen())
    for path in write(found, folder):
        print(path)


def _score(run: Judge, pending: Sequence[Solution], scores: Scores, file: Path) -> int | None:
    """Scores what is pending, a line each; the exit code where it was cut short."""
    load_engines(run.scorer)
    progress = SweepProgress(len(pending), Console(stderr=True), "solutions")
    with appending(file) as lines, progress:
        try:
            note = partial(_note, scores, lines, progress)
            asyncio.run(terminable(score_all(run.scorer, pending, run.concurrency, note)))
            return None
        except KeyboardInterrupt:
            why, code = "interrupted", INTERRUPTED
        except asyncio.CancelledError:
            why, code = "terminated", TERMINATED
        except (WorkerDied, RunError) as error:
            why, code = plain_lines(str(error)), 1
    said = f"{why}: {progress.done} of {progress.total} solutions are scored and kept"
    print(f"{said}; go on with: stepsearch judge run={file.parent}", file=sys.stderr)
    return code


def _note(scores: Scores, lines: Lines, progress: SweepProgress, entry: dict[str, Any]) -> None:
    scores.add(lines, entry)
    progress.ended(None, "error" in entry)
