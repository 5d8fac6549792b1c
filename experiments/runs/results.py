"""One line of results for each search, and the file of them. Only this module reads and writes their JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from experiments.errors import RunError
from experiments.runs.endings import Endings
from experiments.runs.residuals import Residual
from experiments.runs.shared import Shared
from search.tree.cost import Ledger

RESULTS = "results.jsonl"
ORACLE = "oracle"


class CellKey(NamedTuple):
    """One setting of a sweep: the value of the searcher's scale knob, and the swept budget, if any."""

    searcher: str
    n: int
    limit: tuple[tuple[str, float], ...] = ()
    """name and value of the swept budget"""

    @property
    def scale(self) -> float:
        """The swept budget, or n where no budget is swept."""
        return self.limit[0][1] if self.limit else self.n

    def to_json(self) -> dict[str, Any]:
        return {"searcher": self.searcher, "n": self.n, "budget": dict(self.limit)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "CellKey":
        return cls(row["searcher"], row["n"], tuple(row["budget"].items()))


class Key(NamedTuple):
    """The identity of a search within a sweep."""

    problem: str
    cell: CellKey
    seed: int


class Answer(NamedTuple):
    """The answer chosen by a selection rule; `correct` is 0 or 1, a mean where answers tie, None without gold."""

    answer: str | None
    correct: float | None


class Sample(NamedTuple):
    """One of several independent solutions."""

    answer: str | None
    group: int | None
    """equal answers share a group; None without an answer"""
    right: bool | None
    """None without gold"""
    score: float | None
    weight: float | None
    """in the weighted vote; None where the scorer's kind allows no weighted vote"""


class Sharing(NamedTuple):
    """How often independent samples repeat each other, since a scorer scores the same text only once."""

    steps: list[tuple[int, int]]
    """(m, tokens): number of tokens in the steps that exactly m samples share, with the path before them"""
    solutions: list[tuple[int, int, int]]
    """(m, count, tokens): `count` different solutions, with `tokens` tokens in total, were each generated m times"""


class Mark(NamedTuple):
    """A moment at which the correctness of some rule changed: cost so far by axis, correctness by rule."""

    spent: dict[str, float | None]
    correct: dict[str, float]


class Distinct(NamedTuple):
    """The numbers of different answers and of different first steps in a tree."""

    answers: int
    first_steps: int


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Result:
    """The outcome and cost of one search; in memory also the estimate for a smaller cell."""

    problem: str
    question: str
    level: str | int | None
    gold: str | None
    cell: CellKey
    seed: int
    selections: dict[str, Answer]
    """by rule"""
    oracle: float | None
    no_answer: float
    """true where no rule chose an answer; a probability in a smaller cell"""
    stopped: str | None
    ledger: Ledger
    """None for a cost that is unknown, and for the seconds of a smaller cell"""
    error: str | None
    """"Type: message" of a failed search, whose tree is not read"""
    distinct: Distinct | None = None
    samples: list[Sample] | None = None
    """where samples are independent and no budget cut them, in their order"""
    sharing: Sharing | None = None
    """where `samples` is known"""
    anytime: list[Mark] | None = None
    """where the tree gives the answers at smaller budgets"""
    residuals: list[Residual] | None = None
    """the Bellman residual of the tree's scores by depth; None where they are no probabilities of steps"""
    endings: Endings | None = None
    """None where the search did not end by itself, and in runs from before it was counted"""
    smaller: list[int] | None = None
    """requested numbers of samples that are estimated from this result"""
    estimated_from: int | None = None
    """the number of samples in the larger cell that this result is estimated from; never written to a file"""

    @property
    def key(self) -> Key:
        return Key(self.problem, self.cell, self.seed)

    @property
    def scale(self) -> float:
        return self.cell.scale

    def correct(self, rule: str) -> float | None:
        """Correctness under a rule, or of the oracle; None without gold.

        A failed search is wrong, and so is a tree that ended before the rule had an answer.
        """
        if self.gold is None:
            return None
        if rule == ORACLE:
            return float(self.oracle or 0)
        return self.selections[rule].correct if rule in self.selections else 0.0

    def to_json(self) -> dict[str, Any]:
        row = {knob.name: _plain(getattr(self, knob.name)) for knob in fields(self)}
        return {**row, "cell": self.cell.to_json(), "ledger": self.ledger.to_json()}

    def dumps(self) -> str:
        """Raises ValueError where a number is NaN or infinite."""
        return json.dumps(self.to_json(), allow_nan=False)

    @classmethod
    def loads(cls, line: str, shared: Shared | None = None) -> "Result":
        """Results that are read with one `shared` have their equal parts in common.

        Raises ValueError, TypeError, AttributeError or LookupError where the line is not a result.
        """
        row, shared = json.loads(line), shared or Shared()
        same = shared.same
        typed = {
            **{name: same(row[name]) for name in ("problem", "question", "level", "gold", "stopped")},
            "cell": same(CellKey.from_json(row["cell"])),
            "selections": {intern(rule): same(Answer(**answer)) for rule, answer in row["selections"].items()},
            "ledger": Ledger(**{**dict.fromkeys(Ledger._fields), "at_least": False, **row["ledger"]}),
            "distinct": _optional(row.get("distinct"), lambda counts: same(Distinct(**counts))),
            "samples": _optional(row.get("samples"), lambda samples: [same(Sample(**sample)) for sample in samples]),
            "sharing": _optional(row.get("sharing"), _sharing),
            "endings": _optional(row.get("endings"), lambda counts: Endings(**counts)),
            "residuals": _optional(row.get("residuals"), lambda rows: [Residual(**residual) for residual in rows]),
            "anytime": _optional(row.get("anytime"), lambda marks: [_mark(mark, shared) for mark in marks]),
        }
        return cls(**{**row, **typed})


def _optional(value: Any, read: Any) -> Any:
    return None if value is None else read(value)


def _mark(row: Mapping[str, Any], shared: Shared) -> Mark:
    spent = {intern(axis): cost for axis, cost in row["spent"].items()}
    return Mark(spent, shared.same_items(row["correct"]))


def _sharing(row: Mapping[str, Any]) -> Sharing:
    solutions = [(m, count, tokens) for m, count, tokens in row["solutions"]]
    return Sharing([(m, tokens) for m, tokens in row["steps"]], solutions)


def _plain(value: Any) -> Any:
    """Named tuples as dictionaries, at any depth."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_results(folder: Path) -> list[Result]:
    """The results of a run, the last one of each search. Raises RunError that names file and line."""
    path = folder / RESULTS
    try:
        with path.open(encoding="utf-8") as lines:
            results = list({result.key: result for result in parsed(path, lines, Shared())}.values())
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; run=DIR names the folder of a sweep") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}; run=DIR names the folder of a sweep") from None
    if not results:
        raise RunError(f"{path} holds no result")
    return results


def parsed(path: Path, lines: Iterable[str], shared: Shared, first: int = 1) -> Iterator[Result]:
    """The results in lines of a file, the first of which has that number. Raises RunError that names file and line."""
    for number, line in enumerate(lines, first):
        try:
            yield Result.loads(line, shared)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            why = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise RunError(f"{path}, line {number}: not a result of this version ({why})") from None
