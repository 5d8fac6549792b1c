"""Evaluates a scorer: at step level on labelled solutions, and at answer level in Best-of-N.

usage: stepsearch judge data=SET data.path=PATH [key=value ...]

Every solution is scored to its end. The run folder gets scores.jsonl (a line for each solution as it is scored),
summary.json, summary.csv, judge.png, config.yaml and versions.json. `run=FOLDER` resumes the run; adding
`threshold=0.3` or `reduction=last` evaluates its scores with that threshold or reduction.

    stepsearch judge data=processbench data.path=processbench scorer=checks
    stepsearch judge data=prmbench data.path=prmbench/classified scorer.model=Qwen/Qwen2.5-Math-PRM-7B
    stepsearch judge data=labelled data.path=mine.jsonl scorer=custom scorer.cls=mine:MyScorer threshold=0.3
    stepsearch judge data=completions data.path=run.jsonl.gz stored=true
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments.analysis.judgement import Threshold, default_threshold, judgement
from experiments.config.schema import build
from experiments.errors import RunError
from experiments.problems.completions import Completions
from experiments.problems.labelled import ProcessBench
from experiments.problems.solution import Solution
from experiments.runs.appending import Lines, appending
from experiments.runs.fingerprints import fingerprint_of, fingerprints, server_fingerprints
from experiments.runs.folder import invocation
from experiments.runs.preflight import load_engines
from experiments.runs.progress import SweepProgress
from experiments.runs.resuming import Allowed
from experiments.runs.scoring import SCORES, Scores, score_all
from experiments.runs.stopping import Stop, until_stopped
from experiments.terminal import failure, notes, plain, plural, screen
from search.answers.answers import Answers
from search.errors import KindError, check_knob
from search.tree.scores import Kind, Reduction, reduction_for

CHANGEABLE = ("threshold", "reduction", "concurrency")  # knobs that a resumed run may change


@dataclass(frozen=True)
class Judge:
    """The knobs of `stepsearch judge`."""

    scorer: Any = None
    data: Any = None
    answer: Any = None
    grader: Any = None
    threshold: float | None = None
    """a step with a lower score counts as wrong; null: on several subsets of ProcessBench the threshold of highest F1
    on the first; otherwise 0.5, or 0 for an additive scorer"""
    reduction: Reduction | None = None
    """turns a solution's scores into its vote in Best-of-N: last, min, product, mean or sum; null: the default of the
    scorer's kind"""
    stored: bool = False
    """evaluate the scores in the file, of data.kind, instead of calling a scorer"""
    concurrency: int = 256
    """maximum number of solutions in flight"""
    out: str | None = None
    """run folder; null: runs/judge-<time>"""
    run: str | None = None
    """folder of a run to resume; its command line is reused"""

    def __post_init__(self) -> None:
        check_knob(self, "concurrency", least=1)


def main(overrides: Sequence[str] = ()) -> int:
    command = invocation(Judge, overrides)
    run: Judge = build(command.config)
    solutions = _solutions(run)
    stored = [s for s in solutions if s.scores is not None]
    if run.stored and not stored:
        raise RunError("stored=true: no solution in the file has scores; leave stored out to call the scorer")
    kind = run.data.kind if run.stored else run.scorer.kind
    if kind is Kind.RANKING:
        raise KindError("a ranking orders siblings only: its scores cannot compare saved solutions")
    reduction = reduction_for(kind, run.reduction)
    servers = {} if run.stored else server_fingerprints(command.inputs_before, scorer=run.scorer)
    models = {**fingerprints(scorer=run.scorer), **servers}
    inputs = {"data": fingerprint_of(solution.record() for solution in solutions), **models}
    load = partial(load_engines, *([] if run.stored else [run.scorer]))
    folder = command.folder("judge", run.out, inputs, Allowed(CHANGEABLE), load)
    reading = Answers(run.answer, run.grader)
    scores, stop = Scores(folder / SCORES), None
    if run.stored:
        if missing := len(solutions) - len(stored):
            print(f"{missing} of {len(solutions)} solutions lack a stored score for some step and are left out")
        scores.take_stored(stored)
    else:
        stop = _score(run, [s for s in solutions if s.id not in scores.of], scores, folder / SCORES)
    report(folder, [s for s in solutions if s.id in scores.of], scores, kind, _threshold(run, kind), reduction, reading)
    return stop.code if stop else int(not scores.of)


def _solutions(run: Judge) -> list[Solution]:
    """The solutions, with checked scores where the stored ones are evaluated."""
    if not run.stored:
        return run.data.load()
    if not isinstance(run.data, Completions):
        raise RunError("stored=true: only data=completions holds scores; leave stored out to call the scorer")
    return run.data.load_scored()


def _threshold(run: Judge, kind: Kind) -> Threshold | None:
    """The threshold between right and wrong steps; None where it is chosen on the first subset."""
    if run.threshold is not None:
        return Threshold(run.threshold, "given")
    if isinstance(run.data, ProcessBench):
        return None
    return default_threshold(kind)


def _score(run: Judge, pending: Sequence[Solution], scores: Scores, file: Path) -> Stop | None:
    """Scores the pending solutions and writes a line for each; prints why where it is stopped."""
    progress = SweepProgress(len(pending), notes(), "solutions")
    with appending(file) as lines, progress:
        note = partial(_note, scores, lines, progress)
        stop = until_stopped(score_all(run.scorer, pending, run.concurrency, note))
    if stop:
        progress_text = f"{progress.done} of {progress.total} solutions are scored and saved"
        print(f"{stop.why}: {progress_text}; resume with: stepsearch judge run={file.parent}", file=sys.stderr)
    return stop


def _note(scores: Scores, lines: Lines, progress: SweepProgress, entry: dict[str, Any]) -> None:
    scores.add(lines, entry)
    progress.ended(None, "error" in entry)


def report(
    folder: Path,
    solutions: Sequence[Solution],
    scores: Scores,
    kind: Kind,
    threshold: Threshold | None,
    reduction: Reduction,
    reading: Answers,
) -> None:
    """Prints and writes the figures of the scored solutions, and prints the first failure."""
    if scores.errors:
        name, error = next(iter(scores.errors.items()))
        count, verb = plural(len(scores.errors), "solution"), "is" if len(scores.errors) == 1 else "are"
        failure(f"{count} could not be scored and {verb} left out; the first, {name}: {plain(error)}")
    if not solutions:
        return
    from experiments.reports.judgement import show, write  # loads matplotlib

    figures = judgement(solutions, scores.of, len(scores.errors), kind, threshold, reduction, reading)
    show(figures, screen())
    for path in write(figures, folder):
        print(path)
