"""Labels the steps of a run's solutions, to train a process reward model on them.

usage: stepsearch label run=DIR method=METHOD [key=value ...]

The run is a sweep with trees=true whose problems have gold answers. Labels go to DIR/labels/METHOD.jsonl, a line for
each problem with its solutions, what is known of each step, and what labelling it cost. An interrupted command goes on
where it stopped when it is repeated. Policy, answer and grader are the run's own unless others are given.

    monte_carlo  k completions from every step: the share that is right, and whether any is
    binary       a binary search for the first wrong step, with k completions of each step that it looks at
    critic       a language model's verdict on every step, scorer=judge
    consensus    the solutions in which monte_carlo and critic, made before, find the same first wrong step
    tree         what the run's leaves say; free, and biased where a searcher chose them

    stepsearch sweep problems.max_level=1 problems.limit=4 searchers=best_of_n budgets=4 trees=true out=runs/labelled
    stepsearch label run=runs/labelled method=monte_carlo k=4
    stepsearch label run=runs/labelled method=tree
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.config.schema import build
from experiments.errors import ConfigError, RunError
from experiments.labels.agreement import agreement, consensus
from experiments.labels.labelling import COMPLETING, Ended, Labeller, label_all
from experiments.labels.labels import Labels, Method, labels_file, read_labels, total
from experiments.labels.resuming import check_settings, labelled_before, pending
from experiments.labels.sources import Source, Sources, sources
from experiments.runs.appending import appending
from experiments.runs.atomic import write_whole
from experiments.runs.folder import inherited
from experiments.runs.preflight import load_engines, with_ends, without_logprobs
from experiments.runs.progress import SweepProgress
from experiments.runs.stopping import Stop, until_stopped
from experiments.terminal import notes, number, plain
from search.answers.answers import Answers
from search.errors import KindError, check_knob
from search.tree.scores import Kind

INHERITED = ("policy", "answer", "grader")


@dataclass(frozen=True)
class Label:
    """The knobs of `stepsearch label`."""

    policy: Any = None
    scorer: Any = None
    answer: Any = None
    grader: Any = None
    run: str | None = None
    """the run folder of a sweep with trees=true"""
    method: Method | None = None
    """monte_carlo, binary, critic, consensus or tree"""
    k: int = 8
    """completions of each step"""
    solutions: int | None = None
    """at most so many solutions of a problem, drawn at random; null: all"""
    least: int = 2
    """with method=tree, a step of fewer leaves has no label"""
    threshold: float = 0.5
    """with method=critic, a step of a lower score is wrong"""
    seed: int = 0
    """of the completions"""
    concurrency: int = 64
    """maximum number of problems in flight"""

    def __post_init__(self) -> None:
        for knob in ("k", "solutions", "least", "concurrency"):
            check_knob(self, knob, least=1)
        check_knob(self, "threshold", least=0, most=1)


def main(overrides: Sequence[str] = ()) -> int:
    folder = next((word.partition("=")[2] for word in reversed(overrides) if word.startswith("run=")), "")
    if not folder:
        raise ConfigError("label needs the folder of a sweep and a method: run=DIR method=monte_carlo")
    run = Path(folder).expanduser()
    there = sources(run)
    config = inherited(Label, run, overrides, INHERITED)
    knobs: Label = build(config)
    if knobs.method is None:
        raise ConfigError(f"label needs a method: method={', '.join(m.value for m in Method)}")
    file = labels_file(run, knobs.method)
    if knobs.method is Method.CONSENSUS:
        _agree(run, file)
        return 0
    _check_scorer(knobs)
    labeller = _labeller(knobs)
    labeller.check(there.problems)
    if knobs.method in COMPLETING:
        load_engines(labeller.policy)
    elif knobs.method is Method.CRITIC:
        load_engines(labeller.scorer)
    check_settings(run, knobs.method, config)
    todo = pending(there.problems, labelled_before(file, read_labels))
    stop, failed = _label(labeller, todo, file, knobs.concurrency)
    labels = read_labels(file)
    _report(labels, there, file)
    if knobs.method is Method.BINARY and labels_file(run, Method.MONTE_CARLO).exists():
        _compare(labels, read_labels(labels_file(run, Method.MONTE_CARLO)))
    return stop.code if stop else int(failed > 0)


def _check_scorer(knobs: Label) -> None:
    if knobs.method is Method.CRITIC and knobs.scorer.kind not in (Kind.CORRECTNESS, Kind.VALUE):
        raise KindError(f"method=critic needs a scorer that tells a probability for each step, not {knobs.scorer.kind}")


def _labeller(knobs: Label) -> Labeller:
    assert knobs.method is not None
    policy = without_logprobs(with_ends(knobs.policy, knobs.answer))  # completions are counted, and not kept
    answers = Answers(knobs.answer, knobs.grader)
    return Labeller(
        knobs.method,
        policy,
        knobs.scorer,
        answers,
        knobs.k,
        knobs.least,
        knobs.threshold,
        knobs.solutions,
        knobs.seed,
    )


def _label(labeller: Labeller, todo: Sequence[Source], file: Path, concurrency: int) -> tuple[Stop | None, int]:
    """Labels the problems and writes a line for each; how many failed, and why it stopped."""
    progress, errors = SweepProgress(len(todo), notes(), "problems"), dict[str, str]()
    with appending(file) as lines, progress:

        def note(ended: Ended) -> None:
            if ended.labels is None:
                errors[ended.source.problem] = f"{type(ended.error).__name__}: {ended.error}"
            else:
                lines.append(ended.labels.dumps())
            tokens = ended.labels.ledger.generated_tokens if ended.labels else None
            progress.ended(tokens, ended.labels is None)

        stop = until_stopped(label_all(labeller, todo, concurrency, note))
    if errors:
        name, error = next(iter(errors.items()))
        print(f"{len(errors)} problems could not be labelled; the first, {name}: {plain(error)}", file=sys.stderr)
    if stop:
        print(f"{stop.why}: {progress.done} of {progress.total} problems are labelled and saved", file=sys.stderr)
        print("repeat the command to go on", file=sys.stderr)
    return stop, len(errors)


def _report(labels: Sequence[Labels], there: Sources, file: Path) -> None:
    """What was labelled, what was left out, and what it has cost."""
    solutions = [solution for each in labels for solution in each.solutions]
    steps = [label for solution in solutions for label in solution.labels]
    known = [label for label in steps if label is not None]
    print(f"{len(labels)} problems, {len(solutions)} solutions, {len(steps)} steps, {len(known)} of them labelled")
    if known:
        print(f"{100 * sum(known) / len(known):.1f} % of the labels are right steps")
    for count, why in ((there.without_gold, "have no gold answer"), (there.without_trees, "have no tree")):
        if count:
            print(f"{count} problems {why} and are left out")
    if cut := sum(each.cut for each in labels):
        asked = sum(each.ledger.samples for each in labels)
        print(f"{cut} of {asked} completions were cut by the policy's limits and count as wrong")
    _print_cost(labels)
    print(file)


def _print_cost(labels: Sequence[Labels]) -> None:
    spent = total(each.ledger for each in labels)
    print(
        f"cost: {number(spent.samples)} completions, {number(spent.generated_tokens)} generated tokens, "
        f"{number(spent.scorer_tokens_computed)} scorer tokens, {number(spent.flops)} FLOPs"
    )


def _compare(mine: Sequence[Labels], theirs: Sequence[Labels]) -> None:
    both = agreement(mine, theirs)
    other = {labels.problem: labels for labels in theirs}
    spent = total(labels.ledger for labels in mine if labels.problem in other).samples
    full = total(other[labels.problem].ledger for labels in mine if labels.problem in other).samples
    print(
        f"monte_carlo finds the same first wrong step in {both.same} of {both.both} solutions; "
        f"binary took {spent} completions, monte_carlo {full}"
    )


def _agree(run: Path, file: Path) -> None:
    """Writes the labels of the consensus, and says how many solutions it dropped."""
    estimates, verdicts = (read_labels(labels_file(run, m)) for m in (Method.MONTE_CARLO, Method.CRITIC))
    kept, both = list(consensus(estimates, verdicts)), agreement(estimates, verdicts)
    if not both.both:
        raise RunError(f"{file.parent}: monte_carlo and critic have no solution in common; label the same ones")
    write_whole(file, "".join(labels.dumps() + "\n" for labels in kept))
    print(f"{both.same} of {both.both} solutions kept, {100 * (1 - both.same / both.both):.1f} % dropped")
    print(file)
