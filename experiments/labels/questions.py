"""Questions as texts: which are the same, which part of a split they fall into, and which an evaluation set asks."""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from experiments.config.registry import GROUPS
from experiments.errors import ConfigError, one_of
from experiments.problems.json_lines import Line, read_lines

_MARKS = re.compile(r"\s+|\$|\\[()\[\]]|\\(?:left|right|,|;|!|dfrac(?=\{)|displaystyle)")
_FIELDS = ("question", "problem", "prompt")


def normalised(question: str) -> str:
    """The text without what does not change a question: case, white space, signs of mathematics, Unicode's variants."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", question)).casefold()


def is_validation(question: str, share: float) -> bool:
    """Whether a question falls into the validation part: by its text alone, so the same in every run and export."""
    digest = blake2b(normalised(question).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def evaluation_questions(name: str) -> set[str]:
    """The normalised questions of a problem set, or of a file of JSON lines.

    Raises ConfigError for another name, ProblemError where the set cannot be read.
    """
    if Path(name).suffix in (".jsonl", ".gz"):
        return {normalised(_question(line)) for line in read_lines(name, "against")}
    sets = [choice for choice in GROUPS["problems"] if choice != "jsonl"]
    if name not in sets:
        raise ConfigError(
            f"against={name}: no such problem set; name a .jsonl file, or choose from {one_of(sets, name)}"
        )
    return {normalised(problem.question) for problem in GROUPS["problems"][name]().load()}


def _question(line: Line) -> str:
    field = next((field for field in _FIELDS if line.has(field)), _FIELDS[0])
    return line.text("", field)


def contaminated(questions: Iterable[str], against: Iterable[str]) -> dict[str, list[str]]:
    """The questions that evaluation sets ask as well, by the name of the set; a set that asks none is left out."""
    asked = {question: normalised(question) for question in questions}
    shared: dict[str, list[str]] = {}
    for name in against:
        there = evaluation_questions(name)
        shared[name] = [question for question, text in asked.items() if text in there]
    return {name: both for name, both in shared.items() if both}
