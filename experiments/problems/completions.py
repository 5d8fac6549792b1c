"""Whole solutions of several samples a problem, as other programs write them."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from experiments.problems.json_lines import Line, ProblemError, read_lines
from experiments.problems.solution import Solution, check_distinct, check_ids
from search.errors import KindError, check_knob
from search.tree.scores import Kind

_PROBABILITIES = (Kind.CORRECTNESS, Kind.VALUE)


@dataclass(frozen=True)
class Completions:
    """Whole solutions of several samples a problem, as search-and-learn writes them: no step has a label."""

    path: str = ""
    """the file, one problem a line"""
    question: str = "problem"
    """field of the question; doc.question is one inside another"""
    answer: str = "answer"
    """field of its gold answer"""
    completions: str = "completions"
    """field of the list of texts; resps.0 is the first item of a list"""
    scores: str = "scores"
    """field of the scores of each text; left out where no line has it"""
    unique_id: str = "unique_id"
    """field of the problem's id; without it, the number of its line"""
    delimiter: str = "\n\n"
    """between two steps"""
    kind: Kind = Kind.CORRECTNESS
    """what stored scores mean: correctness, value or additive, one number a step, or outcome, one a completion"""
    limit: int | None = None
    """the first so many problems; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Solution]:
        """Stored scores as they are, unchecked, where there is one a step; None elsewhere."""
        return self._load(lambda line, place, steps, value: _fitting(self.kind, steps, value))

    def load_scored(self) -> list[Solution]:
        """As `load`, for a use of the stored scores.

        Raises ProblemError, with file, line and value, where the kind does not allow a score, and where no scores fit
        their steps. Raises KindError for a ranking.
        """
        if self.kind is Kind.RANKING:
            raise KindError("data.kind=ranking orders siblings only: such scores cannot compare whole solutions")
        first: list[str] = []

        def checked(line: Line, place: int, steps: Sequence[str], value: Any) -> tuple[float, ...] | None:
            values = _numbers(f"{line.where}, completion {place + 1}", self.kind, value)
            fitting = _fitting(self.kind, steps, values)
            if values is not None and fitting is None:
                first.append(f"{line.where}, completion {place + 1}: {len(values)} scores for {len(steps)} steps")
            return fitting

        solutions = self._load(checked)
        if first and not any(solution.scores for solution in solutions):
            remedy = "set data.kind=outcome if they are one number a completion, or data.delimiter= to what parts steps"
            raise ProblemError(f"{first[0]}, and no completion of the file has one score a step; {remedy}")
        return solutions

    def _load(self, read: Any) -> list[Solution]:
        lines = list(islice(read_lines(self.path, "data"), self.limit))
        check_distinct(map(self._name, lines), "problems")
        return check_ids([solution for line in lines for solution in self._solutions(line, read)])

    def _solutions(self, line: Line, read: Any) -> Iterator[Solution]:
        """`read` makes a solution's scores of its line, place, steps and stored value."""
        texts, scores, tokens = self._stored(line)
        for place, (text, value, count) in enumerate(zip(texts, scores, tokens, strict=True)):
            steps = text.split(self.delimiter)
            values = read(line, place, steps, value)
            if self.kind is not Kind.OUTCOME and values is not None and len(values) == len(steps) + 1:
                steps.append("")  # the delimiter at its end was lost in saving
            yield Solution(
                id=f"{self._name(line)}/{place}",
                group="all",
                question=line.text("question", self.question),
                steps=tuple(steps),
                right=(None,) * len(steps),
                answer=line.text_or_number("answer", self.answer),
                scores=values,
                level=line.label("", "level") if line.record.get("level") is not None else None,
                tokens=count if isinstance(count, int) and count > 0 else None,
                problem=self._name(line),
            )

    def _stored(self, line: Line) -> tuple[list[str], list[Any], list[Any]]:
        """The texts of a line's completions, the scores and the number of tokens of each, None where there is none."""
        samples = line.get("samples")
        if line.get(self.completions) is not None or samples is None:
            texts = line.texts("completions", self.completions)
            scores = line.get(self.scores) or [None] * len(texts)
            tokens = line.get("completion_tokens")
        elif isinstance(samples, list) and all(isinstance(s, dict) and "completion" in s for s in samples):
            texts, scores = [str(s["completion"]) for s in samples], [_parsed(s.get("prm_scores")) for s in samples]
            tokens = [s.get("tokens") for s in samples]
        else:
            raise ProblemError(f"{line.where}: field 'samples' must be a list of objects with a completion each")
        if not (isinstance(scores, list) and len(scores) == len(texts)):
            raise ProblemError(
                f"{line.where}: field {self.scores!r} must have a list, or null, for each of {len(texts)} texts"
            )
        tokens = tokens if isinstance(tokens, list) and len(tokens) == len(texts) else [None] * len(texts)
        return texts, scores, tokens

    def _name(self, line: Line) -> str:
        """The problem's own id, or the number of its line."""
        own = line.get(self.unique_id)
        return str(line.number if own is None else own)


def _parsed(value: object) -> Any:
    """The value of JSON that was written as text; other text stays as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _fitting(kind: Kind, steps: Sequence[str], value: Any) -> tuple[float, ...] | None:
    """The scores where their number is that of the steps, or of the steps and an empty last one, or one outcome."""
    lengths = (1,) if kind is Kind.OUTCOME else (len(steps), len(steps) + 1)
    return tuple(value) if isinstance(value, list | tuple) and len(value) in lengths and _all_numbers(value) else None


def _all_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _numbers(where: str, kind: Kind, value: Any) -> tuple[float, ...] | None:
    """A completion's stored scores, None where it has none. Raises ProblemError where the kind does not allow them."""
    if value is None:
        return None
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    values = [value] if is_one and kind is Kind.OUTCOME else value
    if is_one and kind is not Kind.OUTCOME:
        raise ProblemError(
            f"{where}: the score is one number, {value}, and data.kind={kind} has one a step; set data.kind=outcome"
        )
    if not (isinstance(values, list) and _all_numbers(values)):
        raise ProblemError(f"{where}: the scores are {value!r:.60}, not a list of numbers; mend the line")
    if kind is Kind.OUTCOME and len(values) != 1:
        raise ProblemError(f"{where}: {len(values)} scores, and data.kind=outcome has one; set another data.kind")
    for number in values:
        if not math.isfinite(number):
            raise ProblemError(
                f"{where}: a score is {number}; mend it, or put null in place of the completion's scores"
            )
        if kind in _PROBABILITIES and not -1e-6 <= number <= 1 + 1e-6:
            raise ProblemError(
                f"{where}: a score is {number}, and data.kind={kind} allows 0 to 1; set data.kind to what the scores "
                "are: additive (one a step) or outcome (one a completion)"
            )
    return tuple(values)
