"""A language model that puts a final answer back into the question (back-verification: BEATS, arXiv 2409.17972)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from scorers.critic import Critic
from search.answers.boxes import boxed
from search.tree.scores import Kind

PROMPT = """Here is a problem and a proposed answer.

Problem: {question}

Proposed answer: {answer}

Put the answer back into the problem, as if it were known, and check whether everything that the problem says fits. End
with \\boxed{right} if it does and with \\boxed{wrong} if something does not."""


@dataclass(frozen=True)
class BackVerify(Critic):
    """The share of its checks that find that the final answer fits the question; how it was found is not shown.

    The answer is that of the last box, or the last step where there is no box. A check without a verdict has no vote.
    """

    prompt: str = PROMPT
    """holds {question} and {answer}"""

    kind = Kind.OUTCOME
    holds: ClassVar[tuple[str, ...]] = ("question", "answer")

    def _values(self, question: str, texts: Sequence[str]) -> dict[str, str]:
        return {"question": question, "answer": boxed("\n\n".join(texts)) or texts[-1]}
