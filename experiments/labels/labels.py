"""What a method says of a run's solutions: a line for each problem, and the file of them beside the run."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from experiments.errors import RunError
from search.tree.cost import Ledger

FOLDER = "labels"
SAMPLE, SEARCH = "sample", "search"


class Method(Enum):
    """How steps are labelled."""

    MONTE_CARLO = "monte_carlo"
    BINARY = "binary"
    CRITIC = "critic"
    CONSENSUS = "consensus"
    TREE = "tree"


@dataclass(frozen=True)
class Labelled:
    """A solution of S steps and what is known of each, [S]; a thought's steps are left out.

    `labels`: whether a right answer can still follow; None where nothing is known. `values`: the estimated probability
    that one does, from `right` of `rollouts` completions; None without any. The last step's is the solution's own
    outcome. `estimator` says what the rollouts are: `sample`, independent samples of a policy; `search`, leaves below
    nodes that a searcher chose; `critic`, none, for the values are a model's verdicts.
    """

    steps: tuple[str, ...]
    labels: tuple[bool | None, ...]
    values: tuple[float | None, ...]
    rollouts: tuple[int, ...]
    right: tuple[int, ...]
    answer_right: bool
    estimator: str = SAMPLE

    def __post_init__(self) -> None:
        columns = (self.labels, self.values, self.rollouts, self.right)
        if not self.steps or any(len(column) != len(self.steps) for column in columns):
            raise ValueError(
                f"{len(self.steps)} steps with {', '.join(str(len(c)) for c in columns)} labels, values ..."
            )
        for place, (value, total, right) in enumerate(zip(self.values, self.rollouts, self.right, strict=True)):
            if not 0 <= right <= total:
                raise ValueError(f"step {place + 1}: {right} of {total} rollouts are right")
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"step {place + 1}: the value is {value}; it must be within 0 and 1")
            if self.labels[place] is False and right:
                raise ValueError(f"step {place + 1} is labelled wrong, and {right} of {total} rollouts are right")


@dataclass(frozen=True)
class Labels:
    """The labelled solutions of one problem, and what it cost to label them; `cut` counts unfinished completions.

    `trees` names the tree files that the solutions come from.
    """

    problem: str
    question: str
    gold: str
    method: str
    trees: tuple[str, ...]
    solutions: tuple[Labelled, ...]
    ledger: Ledger = field(default_factory=Ledger)
    cut: int = 0

    def dumps(self) -> str:
        """A line of JSON. Raises ValueError where a number is NaN or infinite."""
        return json.dumps({**asdict(self), "ledger": self.ledger.to_json()}, allow_nan=False)

    @classmethod
    def loads(cls, line: str) -> "Labels":
        """Raises ValueError, TypeError or LookupError where the line holds no labels."""
        row: dict[str, Any] = json.loads(line)
        solutions = tuple(Labelled(**{name: _as_tuple(value) for name, value in s.items()}) for s in row["solutions"])
        ledger = Ledger(**{**dict.fromkeys(Ledger._fields), "at_least": False, **row["ledger"]})
        return cls(**{**row, "trees": tuple(row["trees"]), "solutions": solutions, "ledger": ledger})


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def first_wrong(labels: Sequence[bool | None]) -> int:
    """The place of the first step that is labelled wrong, or the number of steps where none is."""
    return next((place for place, label in enumerate(labels) if label is False), len(labels))


def labels_file(run: Path, method: Method) -> Path:
    return run / FOLDER / f"{method.value}.jsonl"


def read_labels(path: Path) -> list[Labels]:
    """The labels in a file, the last of each problem. Raises RunError that names file and line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        run, method = path.parent.parent, path.stem
        raise RunError(f"{path}: no such file; make it with: stepsearch label run={run} method={method}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    return list({labels.problem: labels for labels in _parsed(path, lines)}.values())


def _parsed(path: Path, lines: Iterable[str]) -> Iterator[Labels]:
    for number, line in enumerate(lines, 1):
        try:
            yield Labels.loads(line)
        except (ValueError, TypeError, LookupError) as error:
            why = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise RunError(f"{path}, line {number}: not labels of this version ({why})") from None


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """The sum of the ledgers; a figure that one does not know is unknown in the sum."""
    sums = Ledger()
    for ledger in ledgers:
        pairs = list(zip(sums[:-1], ledger[:-1], strict=True))
        added = [None if mine is None or theirs is None else mine + theirs for mine, theirs in pairs]
        sums = Ledger(*added, at_least=sums.at_least or ledger.at_least)  # pyright: ignore[reportArgumentType]
    return sums
