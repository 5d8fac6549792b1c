"""A step: the unit that a policy writes, a scorer judges and a tree holds."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """Why a step ended. After the first two the path may go on."""

    DELIMITER = "delimiter"  # its last token's text contains the delimiter
    STEP_TOKENS = "step_tokens"  # cut at max_step_tokens
    ANSWER = "answer"  # finished: the step holds a complete \boxed{}
    EOS = "eos"  # finished: the model's end token
    MAX_STEPS = "max_steps"  # truncated, as are the next two
    MAX_TOKENS = "max_tokens"
    CONTEXT = "context"


_FINISHED = frozenset({End.ANSWER, End.EOS})
_OPEN = frozenset({End.DELIMITER, End.STEP_TOKENS})


@dataclass(frozen=True, slots=True)
class Step:
    """What the policy wrote between two boundaries.

    `token_ids` are the policy's own and the ground truth of the path; `text` is what they decode to, the delimiter
    included and the end token left out. `logprobs` and `entropy` have one entry a token, in nats, of the raw model
    (temperature 1, before top-p and top-k); `entropy` is None where the engine does not give it.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    end: End = End.DELIMITER
    entropy: tuple[float, ...] | None = None

    @property
    def finished(self) -> bool:
        """The solution is complete and may vote."""
        return self.end in _FINISHED

    @property
    def open(self) -> bool:
        """The path may go on after it."""
        return self.end in _OPEN

    @property
    def truncated(self) -> bool:
        """The path was cut by a limit: scored and counted, never a vote."""
        return not self.finished and self.end not in _OPEN

    def __str__(self) -> str:
        return self.text
