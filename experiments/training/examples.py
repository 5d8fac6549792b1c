"""Exported rows as what a reward model is trained on: the tokens that its scorer reads, and a target a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from experiments.errors import RunError
from experiments.problems.json_lines import Line, ProblemError, read_lines
from scorers.checkpoints.forms import Form

IGNORED = -100.0


class Targets(Enum):
    """What a step's target is."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True)
class Example:
    """A question and its steps, with the probability that each is right, [S]; None where it is not trained on."""

    question: str
    steps: tuple[str, ...]
    targets: tuple[float | None, ...]


class Encoded(NamedTuple):
    """Token ids, and a target for each token: IGNORED but at the places where a step is judged."""

    ids: list[int]
    targets: list[float]


def read_examples(path: str, targets: Targets) -> list[Example]:
    """The rows of `stepsearch export format=prm`. Raises ProblemError, and RunError where no step has a target."""
    examples = [_example(line, targets) for line in read_lines(path, "data")]
    if not any(target is not None for example in examples for target in example.targets):
        raise RunError(f"data={path}: no step has a {targets.value} target; export more labels")
    return examples


def _example(line: Line, targets: Targets) -> Example:
    steps, labels = line.texts("", "completions"), line.value("", "labels")
    if not (isinstance(labels, list) and len(labels) == len(steps) and all(isinstance(x, bool) for x in labels)):
        raise ProblemError(f"{line.where}: field 'labels' must have true or false for each of {len(steps)} steps")
    wanted: list[Any] = [float(label) for label in labels]
    if targets is Targets.SOFT:
        wanted = line.value("", "values")
        good = isinstance(wanted, list) and len(wanted) == len(steps)
        if not good or not all(value is None or 0 <= value <= 1 for value in wanted):
            raise ProblemError(f"{line.where}: field 'values' must have a number from 0 to 1, or null, for each step")
    return Example(line.text("", "prompt"), tuple(steps), tuple(wanted))


def encoded(examples: Sequence[Example], form: Form, tokenizer: Any, most: int) -> list[Encoded]:
    """The examples as the scorer of this form reads them, those of more than `most` tokens left out.

    Raises RunError where none is left.
    """
    kept: list[Encoded] = []
    for example in examples:
        ids, places = form.encode(tokenizer, example.question, [step.strip() for step in example.steps])
        targets = [IGNORED] * len(ids)
        for place, target in zip(places, example.targets, strict=True):
            targets[place] = IGNORED if target is None else target
        if len(ids) <= most and any(target != IGNORED for target in targets):
            kept.append(Encoded(ids, targets))
    if not kept:
        raise RunError(f"no row has at most max_tokens={most} tokens and a target; raise max_tokens")
    return kept
