"""Writes the labels of a run as training data, JSON lines in a format that trainers read.

usage: stepsearch export run=DIR format=FORMAT out=FILE.jsonl [key=value ...]

The labels are those of `stepsearch label`. Equal solutions of different searches are merged. Problems, never rows, are
divided: one in ten, by a hash of its question, goes to FILE.validation.jsonl. `against=` names evaluation sets, none of
whose questions may be trained on. Every row has the values and rollouts that its labels rest on.

    prm            prompt, completions, labels: a row a solution, its labels true or false (TRL's stepwise columns)
    math_shepherd  input, label: a text with a tag after each step, and the same with + or -
    prm800k        question, label: OpenAI's nested steps with ratings
    preference     prompt, chosen, rejected, margin: two next steps after the same ones
    sft            prompt, completion: the solutions that are right, as messages

    stepsearch export run=runs/labelled format=prm out=prm.jsonl
    stepsearch export run=runs/labelled format=preference margin=0.25 labels=tree out=pairs.jsonl
    stepsearch export run=runs/labelled format=sft against=math500,aime24 contaminated=drop out=sft.jsonl
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from experiments.config.compose import compose
from experiments.config.schema import build
from experiments.errors import ConfigError, RunError, check_output
from experiments.labels.formats import Format, Row, rows
from experiments.labels.labels import FOLDER, Method, labels_file, read_labels
from experiments.labels.merging import Question, merged
from experiments.labels.questions import contaminated, is_validation, normalised
from experiments.runs.atomic import write_whole
from experiments.runs.folder import given_folder
from search.errors import check_knob


class Contaminated(Enum):
    """What happens where an evaluation set asks a question of the run."""

    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True)
class Export:
    """The knobs of `stepsearch export`."""

    run: str | None = None
    """the folder of a run that has labels"""
    format: Format | None = None
    """prm, math_shepherd, prm800k, preference or sft"""
    out: str | None = None
    """the file to write, of JSON lines"""
    labels: Method | None = None
    """monte_carlo, binary, critic, consensus or tree; null: the only one there is"""
    validation: float = 0.1
    """share of the problems that goes to the second file"""
    against: list[str] = field(default_factory=list[str])
    """evaluation sets, by name or .jsonl file, whose questions must not be exported"""
    contaminated: Contaminated = Contaminated.REFUSE
    """refuse the export, or drop the questions that an evaluation set asks"""
    margin: float = 0.5
    """with format=preference, the least difference of two values"""

    def __post_init__(self) -> None:
        check_knob(self, "validation", least=0, most=0.9)
        check_knob(self, "margin", above=0, most=1)


def main(overrides: Sequence[str] = ()) -> int:
    knobs: Export = build(compose(Export, overrides))
    run = given_folder(knobs)
    if knobs.format is None or knobs.out is None:
        raise ConfigError(
            f"export needs a format and a file: format={'|'.join(f.value for f in Format)} out=FILE.jsonl"
        )
    out = Path(knobs.out).expanduser()
    files = {False: out, True: out.with_suffix(f".validation{out.suffix}")}
    for file in files.values():
        check_output(file)
        if file.exists():
            raise RunError(f"{file} exists; name another file with out=, or remove it")
    questions = _checked(merged(read_labels(labels_file(run, _method(run, knobs.labels)))), knobs)
    parts: dict[bool, list[Row]] = {False: [], True: []}
    for question in questions:
        parts[is_validation(question.text, knobs.validation)] += rows(question, knobs.format, knobs.margin)
    if not parts[False]:
        raise RunError(_why_empty(parts, questions, knobs))
    for held_out, file in files.items():
        if parts[held_out]:
            write_whole(file, "".join(json.dumps(row, allow_nan=False) + "\n" for row in parts[held_out]))
            print(f"{file}: {_size(parts[held_out])}")
        else:
            print(f"{file} is not written: of {len(questions)} problems none with a row falls into the validation part")
    return 0


def _method(run: Path, wanted: Method | None) -> Method:
    """The method whose labels are exported. Raises RunError where there are none, or several and none is named."""
    if wanted is not None:
        return wanted
    there = [method for method in Method if labels_file(run, method).exists()]
    if not there:
        raise RunError(f"{run / FOLDER} holds no labels; make them with: stepsearch label run={run} method=monte_carlo")
    if len(there) > 1:
        raise RunError(f"{run / FOLDER} holds several labels; name one: labels={'|'.join(m.value for m in there)}")
    return there[0]


def _checked(questions: list[Question], knobs: Export) -> list[Question]:
    """The questions that no evaluation set asks. Raises RunError where one does, unless they are dropped."""
    if not knobs.against:
        print("not checked against any evaluation set; name those that you report on: against=math500,aime24")
    shared = contaminated((question.text for question in questions), knobs.against)
    said = ", ".join(f"{len(both)} in {name}" for name, both in shared.items())
    if shared and knobs.contaminated is Contaminated.REFUSE:
        raise RunError(
            f"evaluation sets ask questions of the run: {said} of {len(questions)}, the first: "
            f"{next(iter(shared.values()))[0]!r:.80}; leave them out with contaminated=drop"
        )
    if shared:
        print(f"left out, because evaluation sets ask them: {said} of {len(questions)} questions")
    both = {normalised(text) for texts in shared.values() for text in texts}
    return [question for question in questions if normalised(question.text) not in both]


def _why_empty(parts: dict[bool, list[Row]], questions: Sequence[Question], knobs: Export) -> str:
    if parts[True]:
        return f"all rows of {len(questions)} problems fall into the validation part; lower validation= or label more"
    if not questions:
        return "no problem is left to export"
    if knobs.format is Format.PREFERENCE:
        return f"no two next steps differ by margin={knobs.margin}; lower it, or label more solutions of each problem"
    if knobs.format is Format.SFT:
        return "no solution is right: there is nothing to imitate"
    return "no first step has a label; with method=tree lower least=, or label by another method"


def _size(written: Sequence[Row]) -> str:
    """How many rows and problems, and what the labels say."""
    text = f"{len(written)} rows of {len({row['problem'] for row in written})} problems"
    labels: list[Any] = [label for row in written if isinstance(row.get("labels"), list) for label in row["labels"]]
    return text + (f", {len(labels)} steps, {100 * sum(labels) / len(labels):.1f} % right" if labels else "")
