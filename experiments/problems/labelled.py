"""Saved solutions whose steps are labelled: what `stepsearch judge data=` names. Each loads itself.

data=processbench                               from the Hub, with the extra [datasets]
data=processbench data.path=processbench        a folder of gsm8k.json, math.json, ... (also .gz), or one such file
data=prmbench data.path=prmbench/classified
data=labelled data.path=mine.jsonl              {"question": ..., "steps": [...], "labels": [true, false]}
data=completions data.path=run.jsonl            {"problem": ..., "answer": ..., "completions": [...], "scores": [[...]]}
"""

import gzip
import json
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from experiments.problems.hub import HubSet
from experiments.problems.json_lines import Line, ProblemError, files, is_numbers, read_lines
from experiments.problems.solution import Solution, by_problem, check_ids
from search.errors import check_knob

SUBSETS = ("gsm8k", "math", "olympiadbench", "omnimath")  # of ProcessBench, in the paper's order


@dataclass(frozen=True)
class ProcessBench:
    """ProcessBench (arXiv 2412.06559): the earliest wrong step of each solution, in four subsets."""

    path: str = ""
    """folder or file; empty: the Hub's Qwen/ProcessBench, which needs the extra [datasets]"""
    limit: int | None = None
    """the first so many of each subset; all if null"""
    revision: str = "3bdcd5371ed567559a78f559c01c13a6deee7604"
    """the commit of the Hub's copy, 40 digits"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Solution]:
        subsets = self._subsets()
        names = sorted(
            subsets, key=lambda name: (name not in SUBSETS, SUBSETS.index(name) if name in SUBSETS else name)
        )
        return check_ids([self._solution(name, line) for name in names for line in subsets[name][: self.limit]])

    def _subsets(self) -> dict[str, list[Line]]:
        """Lines by the name of their subset, which is that of its file."""
        if not self.path:
            return {name: list(HubSet("Qwen/ProcessBench", name).lines(self.revision, "data")) for name in SUBSETS}
        paths = map(Path, files(self.path, ".json", ".json.gz", group="data"))
        return {path.name.partition(".")[0]: _array(path) for path in paths}

    def _solution(self, subset: str, line: Line) -> Solution:
        steps, label = line.texts("", "steps"), line.value("", "label")
        if not (isinstance(label, int) and -1 <= label < len(steps)):
            raise ProblemError(f"{line.where}: label is {label!r}; it must be -1 or the place of a step, 0 the first")
        right = [True] * len(steps) if label < 0 else [True] * label + [False] + [None] * (len(steps) - label - 1)
        return Solution(
            id=f"{subset}/{line.record.get('id', line.number)}",
            group=subset,
            question=line.text("", "problem"),
            steps=tuple(steps),
            right=tuple(right),
            answer_right=_flag(line, "final_answer_correct"),
        )


@dataclass(frozen=True)
class PRMBench:
    """PRMBench (arXiv 2501.03124): solutions that were changed so that certain steps are wrong in a certain way."""

    path: str = ""
    """folder or file, one example a line"""
    limit: int | None = None
    """the first so many of each file; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Solution]:
        solutions: dict[str, Solution] = {}  # several files hold the same example
        for file in files(self.path, ".jsonl", ".jsonl.gz", group="data") if self.path else [""]:
            for number, line in enumerate(read_lines(file, "data")):
                if number == self.limit:
                    break
                solution = self._solution(line)
                solutions.setdefault(solution.id, solution)
        if not solutions:
            raise ProblemError(f"data.path={self.path}: no example in it; PRMBench has one JSON object a line")
        return list(solutions.values())

    def _solution(self, line: Line) -> Solution:
        """`error_steps` count from one."""
        steps, wrong, category = (
            line.texts("", "modified_process"),
            line.value("", "error_steps"),
            line.text("", "classification"),
        )
        if not (isinstance(wrong, list) and all(isinstance(w, int) and w >= 1 for w in wrong)):
            raise ProblemError(f"{line.where}: error_steps is {wrong!r:.60}; it must be a list of places, 1 the first")
        return Solution(
            id=f"{category}/{line.text('', 'idx')}",
            group=category,
            question=line.text("", "modified_question"),
            steps=tuple(steps),
            right=tuple(place not in wrong for place in range(1, len(steps) + 1)),
        )


@dataclass(frozen=True)
class Labelled:
    """A file of your own, one solution a line; several of one question are its samples."""

    path: str = ""
    """the file, one JSON object a line"""
    question: str = "question"
    """field of the question"""
    steps: str = "steps"
    """field of the list of steps' texts"""
    labels: str = "labels"
    """field of the list of true or false, one a step, null where unknown"""
    answer_right: str | None = "answer_right"
    """field of whether the final answer is right; left out where no line has it"""
    answer: str | None = "answer"
    """field of the question's gold answer, which lets solutions vote; left out where no line has it"""
    unique_id: str | None = "unique_id"
    """field of the problem's id; without it, solutions of the same question and gold answer are of one problem"""
    group: str | None = None
    """field that the figures are grouped by"""
    limit: int | None = None
    """the first so many; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Solution]:
        lines = list(islice(read_lines(self.path, "data"), self.limit))
        if not lines:
            raise ProblemError(f"{self.path}: holds no solution; write one JSON object a line")
        solutions = [self._solution(line) for line in lines]
        by_problem(solutions)
        return solutions

    def _solution(self, line: Line) -> Solution:
        steps, right = line.texts("steps", self.steps), line.value("labels", self.labels)
        if not (isinstance(right, list) and len(right) == len(steps) and all(r in (True, False, None) for r in right)):
            raise ProblemError(f"{line.where}: field {self.labels!r} must have true, false or null for each step")
        logprobs = line.record.get("logprobs")
        if logprobs is not None and not (is_numbers(logprobs) and len(logprobs) == len(steps)):
            raise ProblemError(f"{line.where}: field 'logprobs' must have a list of numbers for each step")
        return Solution(
            id=str(line.number),
            group=str(line.label("group", self.group)) if self.group else "all",
            question=line.text("question", self.question),
            steps=tuple(steps),
            right=tuple(right),
            answer=line.text_or_number("answer", self.answer) if self.answer and line.has(self.answer) else None,
            answer_right=_flag(line, self.answer_right) if self.answer_right else None,
            logprobs=None if logprobs is None else tuple(map(tuple, logprobs)),
            problem=self._problem(line),
        )

    def _problem(self, line: Line) -> str | None:
        if not self.unique_id or line.get(self.unique_id) is None:
            return None
        return str(line.label("unique_id", self.unique_id))


def _flag(line: Line, field: str) -> bool | None:
    value = line.get(field)
    if value not in (True, False, None):
        raise ProblemError(f"{line.where}: field {field!r} is {value!r:.40}; it must be true, false or null")
    return None if value is None else bool(value)


def _array(path: Path) -> list[Line]:
    """The objects of a file that holds one JSON array. Raises ProblemError."""
    path = path.expanduser()
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = json.loads(text.decode("utf-8-sig"))
    except FileNotFoundError:
        raise ProblemError(f"{path}: no such file (looked from {Path.cwd()}); correct data.path") from None
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise ProblemError(f"{path}: cannot be read ({error}); is it a whole file of JSON?") from error
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise ProblemError(f"{path}: holds no list of JSON objects; is it a subset of ProcessBench?")
    return [Line(f"{path}, entry {number}", number, row, "data") for number, row in enumerate(rows, 1)]
