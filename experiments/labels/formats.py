"""The formats that trainers read: rows, as pure functions of a question's labelled solutions.

Every row has `values` and `rollouts`, one a step, the `problem`, and the `method` and `estimator` of its labels.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from experiments.labels.labels import Labelled
from experiments.labels.merging import Question
from experiments.labels.preferences import pairs
from policies.engines.code_blocks import outputs

Row = dict[str, Any]
TAG = "ки"  # Math-Shepherd's mark of a step's end
_NUMBERED = re.compile(r"Step \d+:")


class Format(Enum):
    """What an export is written as."""

    PRM = "prm"
    MATH_SHEPHERD = "math_shepherd"
    PRM800K = "prm800k"
    PREFERENCE = "preference"
    SFT = "sft"


def rows(question: Question, form: Format, margin: float) -> Iterator[Row]:
    """The rows of a question. `margin` is the least difference of two values that makes a preference."""
    if form is Format.PREFERENCE:
        for pair in pairs(question, margin):
            yield {**pair, "problem": question.problem, "method": question.method}
        return
    for solution in question.solutions:
        row = _FORMATS[form](question, solution)
        if row is not None:
            size = len(solution.steps) if form is Format.SFT else known(solution)
            yield {
                **row,
                "values": list(solution.values[:size]),
                "rollouts": list(solution.rollouts[:size]),
                "problem": question.problem,
                "method": question.method,
                "estimator": solution.estimator,
            }


def known(solution: Labelled) -> int:
    """How many steps come before the first one without a label: what follows it would be read in a wrong place."""
    return next((place for place, label in enumerate(solution.labels) if label is None), len(solution.labels))


def texts(solution: Labelled, size: int) -> list[str]:
    """The first steps without the delimiter between them."""
    return [step.strip("\n") for step in solution.steps[:size]]


def _prm(question: Question, solution: Labelled) -> Row | None:
    size = known(solution)
    if not size:
        return None
    return {"prompt": question.text, "completions": texts(solution, size), "labels": list(solution.labels[:size])}


def _math_shepherd(question: Question, solution: Labelled) -> Row | None:
    size = known(solution)
    if not size:
        return None
    plain = enumerate(texts(solution, size), 1)
    numbered = [text if _NUMBERED.match(text) else f"Step {number}: {text}" for number, text in plain]
    signs = ["+" if label else "-" for label in solution.labels[:size]]
    marked = "\n".join(f"{text} {TAG}" for text in numbered)
    labelled = "\n".join(f"{text} {sign}" for text, sign in zip(numbered, signs, strict=True))
    return {"input": f"{question.text} {marked}", "label": f"{question.text} {labelled}", "task": "stepsearch"}


def _prm800k(question: Question, solution: Labelled) -> Row | None:
    size = known(solution)
    if not size:
        return None
    ratings = [1 if label else -1 for label in solution.labels[:size]]
    steps = [
        {
            "completions": [{"text": text, "rating": rating, "flagged": False}],
            "human_completion": None,
            "chosen_completion": 0 if rating > 0 else None,
        }
        for text, rating in zip(texts(solution, size), ratings, strict=True)
    ]
    whole = texts(solution, len(solution.steps))
    return {
        "question": {"problem": question.text, "ground_truth_answer": question.gold, "pre_generated_steps": whole},
        "label": {"steps": steps, "finish_reason": "found_error" if -1 in ratings else "solution"},
    }


def _sft(question: Question, solution: Labelled) -> Row | None:
    if not solution.answer_right:
        return None
    text = "".join(solution.steps).strip("\n")
    row = {
        "prompt": [{"role": "user", "content": question.text}],
        "completion": [{"role": "assistant", "content": text}],
    }
    printed = [list(span) for span in outputs(text)]
    return {**row, "outputs": printed} if printed else row


_FORMATS: Mapping[Format, Callable[[Question, Labelled], Row | None]] = {
    Format.PRM: _prm,
    Format.MATH_SHEPHERD: _math_shepherd,
    Format.PRM800K: _prm800k,
    Format.SFT: _sft,
}
