"""Whole solutions of several samples a problem, as other programs write them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from experiments.problems.json_lines import Line, ProblemError, is_numbers, read_lines
from experiments.problems.solution import Solution, check_distinct, check_ids
from search.errors import check_knob


@dataclass(frozen=True)
class Completions:
    """Whole solutions of several samples a problem, as search-and-learn writes them: no step has a label."""

    path: str = ""
    """the file, one problem a line"""
    delimiter: str = "\n\n"
    """between two steps"""
    limit: int | None = None
    """the first so many problems; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Solution]:
        lines = list(islice(read_lines(self.path, "data"), self.limit))
        check_distinct(map(_name, lines), "problems")
        return check_ids([solution for line in lines for solution in self._solutions(line)])

    def _solutions(self, line: Line) -> Iterator[Solution]:
        """Scores are taken where there is one a step, and left out where a run scored something else."""
        samples = line.record.get("samples")
        if samples is None:
            texts = line.texts("", "completions")
            scores = line.record.get("scores") or [None] * len(texts)
            tokens = line.record.get("completion_tokens")
        elif isinstance(samples, list) and all(isinstance(s, dict) and "completion" in s for s in samples):
            texts, scores = [str(s["completion"]) for s in samples], [_list(s.get("prm_scores")) for s in samples]
            tokens = [s.get("tokens") for s in samples]
        else:
            raise ProblemError(f"{line.where}: field 'samples' must be a list of objects with a completion each")
        if not (isinstance(scores, list) and len(scores) == len(texts)):
            raise ProblemError(
                f"{line.where}: field 'scores' must have a list, or null, for each of {len(texts)} texts"
            )
        tokens = tokens if isinstance(tokens, list) and len(tokens) == len(texts) else [None] * len(texts)
        for place, (text, values, count) in enumerate(zip(texts, scores, tokens, strict=True)):
            steps = text.split(self.delimiter)
            if values is not None and len(values) == len(steps) + 1:
                steps.append("")  # the delimiter at its end was lost in saving
            fits = values is not None and len(values) == len(steps)
            yield Solution(
                id=f"{_name(line)}/{place}",
                group="all",
                question=line.text("", "problem"),
                steps=tuple(steps),
                right=(None,) * len(steps),
                answer=line.text_or_number("", "answer"),
                scores=tuple(values) if values is not None and fits else None,
                level=line.label("", "level") if line.record.get("level") is not None else None,
                tokens=count if isinstance(count, int) and count > 0 else None,
            )


def _name(line: Line) -> str:
    """The problem's own id, or the number of its line."""
    return str(line.record.get("unique_id", line.number))


def _list(value: object) -> Any:
    """A list of numbers, also one that was written as text; None for anything else."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return parsed if is_numbers([parsed]) else None
