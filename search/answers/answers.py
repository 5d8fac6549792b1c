"""How answers are taken from solutions and compared: `Answers`, which a tree carries from its search to its reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.answers.extraction import Boxed, Extraction
from search.answers.graders import Grader, MathVerify
from search.answers.grouping import firsts_of, group


@dataclass(frozen=True)
class Answers:
    """An extraction and a grader: one relation that groups the votes and that grades."""

    extraction: Extraction = field(default_factory=Boxed)
    grader: Grader = field(default_factory=MathVerify)

    def of(self, text: str) -> str | None:
        """A solution's answer; None where it has none."""
        return self.extraction.extract(text)

    def right(self, answer: str, gold: str | None) -> bool:
        """Whether an answer is the gold one; False where there is none."""
        return gold is not None and self.grader.same(gold, answer)

    def group(self, answers: Sequence[str | None]) -> list[list[int]]:
        """As `search.answers.grouping.group`, under the grader."""
        return group(answers, firsts_of(self.grader))


DEFAULT = Answers()


def answers_of(tree: object) -> Answers:
    """How the answers of a tree are read."""
    answers = getattr(tree, "answers", None)
    return answers if isinstance(answers, Answers) else DEFAULT
