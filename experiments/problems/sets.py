"""Problem sets: dataclasses of knobs that load themselves. Each is what ``problems=`` names on the command line:

    problems=arithmetic problems.max_level=2
    problems=gsm8k problems.path=test.jsonl problems.limit=20
    problems=jsonl problems.path=mine.jsonl.gz problems.question=prompt problems.answer=gold

Only the grader reads ``Problem.answer``; a search is given ``Problem.question`` and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from experiments.problems import arithmetic
from experiments.problems.gold import AnswerRule, gold
from experiments.problems.json_lines import Line, ProblemError, read_lines
from search.errors import check_knob


@dataclass(frozen=True)
class Problem:
    """A question; `answer` is the gold one (None where there is none), `level` the set's own difficulty."""

    id: str
    question: str
    answer: str | None = None
    level: str | int | None = None


class ProblemSet(Protocol):
    def load(self) -> list[Problem]:
        """At least one problem, ids distinct, in the set's own order. Raises ProblemError."""
        ...


@dataclass(frozen=True)
class Arithmetic:
    """Generated multistep arithmetic; by default the shipped 200, which the small models never saw.

    Problem ``arithmetic-S-K`` is the K-th from seed S whatever the other knobs: levels are picked out, not redrawn.
    """

    seed: int = arithmetic.SHIPPED_SEED
    """any integer; the default is the shipped set's"""
    count: int = arithmetic.SHIPPED_COUNT
    """problems drawn, the five levels in turn, before levels are picked"""
    min_level: int = arithmetic.LEVELS[0]
    """groups in the easiest problem kept"""
    max_level: int = arithmetic.LEVELS[-1]
    """groups in the hardest problem kept"""
    limit: int | None = None
    """the first so many; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)
        check_knob(self, "count", least=1)
        check_knob(self, "min_level", least=arithmetic.LEVELS[0], most=arithmetic.LEVELS[-1])
        check_knob(self, "max_level", least=self.min_level, most=arithmetic.LEVELS[-1])

    def load(self) -> list[Problem]:
        problems: list[Problem] = []
        for place, tree in enumerate(arithmetic.problem_set(self.seed, self.count)):
            level = arithmetic.LEVELS[place % len(arithmetic.LEVELS)]
            if self.min_level <= level <= self.max_level:
                name = f"arithmetic-{self.seed}-{place}"
                problems.append(Problem(name, arithmetic.question(tree), str(arithmetic.value(tree)), level))
        if not problems:
            raise ProblemError(
                f"problems.count={self.count}: none of these has {self.min_level} to {self.max_level} groups; "
                f"raise it to {self.min_level} or more"
            )
        return problems[: self.limit]


@dataclass(frozen=True)
class Jsonl:
    """One JSON object a line, UTF-8, gzipped if the name ends in .gz; blank lines are passed over."""

    path: str = ""
    """the file; checked on loading, so that the config composes without one"""
    question: str = "question"
    """field of the question"""
    answer: str | None = "answer"
    """field of the gold answer; null: a set without answers"""
    answer_rule: AnswerRule = AnswerRule.WHOLE
    """where in that field the gold answer stands"""
    id: str | None = None
    """field of the id; null: ids are made of line numbers"""
    level: str | None = None
    """field of the difficulty"""
    limit: int | None = None
    """the first so many; all if null"""

    def __post_init__(self) -> None:
        check_knob(self, "limit", least=1)

    def load(self) -> list[Problem]:
        places: dict[str, str] = {}
        problems: list[Problem] = []
        for line in self._lines():
            problem = self._problem(line)
            if problem.id in places:
                raise ProblemError(
                    f"{line.where}: field {self.id!r}: id {problem.id!r} stands in {places[problem.id]} already; "
                    "name a field of distinct ids with problems.id, or problems.id=null to count lines"
                )
            places[problem.id] = line.where
            problems.append(problem)
            if len(problems) == self.limit:
                break
        if not problems:
            raise ProblemError(f"{self.path}: holds no problem; {self._remedy}")
        return problems

    _remedy: ClassVar = "write one JSON object a line"

    def _lines(self) -> Iterator[Line]:
        return read_lines(self.path)

    def _problem(self, line: Line) -> Problem:
        """One line's problem. Raises ProblemError where a field is missing, empty or of another kind."""
        question = line.text("question", self.question, blank=True)  # its search fails, and no other
        answer = None if self.answer is None else gold(line, self.answer, self.answer_rule)
        return Problem(self._name(line), question, answer, self._level(line))

    def _name(self, line: Line) -> str:
        return str(line.label("id", self.id)) if self.id else f"{type(self).__name__.lower()}-{line.number}"

    def _level(self, line: Line) -> str | int | None:
        return line.label("level", self.level) if self.level else None
