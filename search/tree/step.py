"""A step: the unit that a policy writes, a scorer judges and a tree holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from search.tree.numbers import Integers, Reals


class End(StrEnum):
    """Why a step ended. After the first six the path may go on."""

    DELIMITER = "delimiter"  # where the policy's boundary rule says so: by default, at a delimiter
    STEP_TOKENS = "step_tokens"  # cut at max_step_tokens
    THOUGHT = "thought"  # the thought ends: the step holds its closing tag
    THINKING_TOKENS = "thinking_tokens"  # the thought was closed at max_thinking_tokens
    WAIT = "wait"  # the policy would have stopped here, and is made to go on
    CODE = "code"  # a program ends here, and what it printed follows it in the step
    ANSWER = "answer"  # finished: the step has a box with an answer
    EOS = "eos"  # finished: an end token of the model, or a stop text
    MAX_STEPS = "max_steps"  # truncated, as are the next two
    MAX_TOKENS = "max_tokens"
    CONTEXT = "context"
    UNSURE = "unsure"  # truncated on purpose, where the policy was less sure than the request allowed


_FINISHED = (End.ANSWER, End.EOS)  # tuples: the hash of an enum's member is slow, and a search asks often
_OPEN = (End.DELIMITER, End.STEP_TOKENS, End.THOUGHT, End.THINKING_TOKENS, End.WAIT, End.CODE)
_set = object.__setattr__  # of a frozen step, at its birth


@dataclass(frozen=True, slots=True)
class Step:
    """What the policy wrote between two boundaries.

    `token_ids` are the policy's own and the ground truth of the path; `text` is what they decode to, the delimiter
    included and the end token, or stop text, left out. `logprobs` and `entropy` have one entry a token, in nats, of the
    raw model (temperature 1, before top-p and top-k), in single precision; `entropy` is None where the engine does not
    give it. All three are kept as immutable sequences of four bytes a token; any sequence of numbers is accepted.

    Not all tokens need be the policy's: first come those `given` to it, then what it wrote, of which the last `closing`
    ones are end tokens or lie in a stop text, then those `observed`, which came from outside. `action` names what was
    asked for, `writer` the one of several policies that wrote it.

    A `thought` is what a model writes before its answer: no box in it counts; scorers read it only if told to.

    Raises ValueError, naming field, place and value, where a number is not finite, a token id is no integer of 32 bits
    or the counts do not fit the tokens.
    """

    text: str
    token_ids: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    end: End = End.DELIMITER
    entropy: Sequence[float] | None = None
    given: int = 0
    observed: int = 0
    closing: int = 0
    action: str = ""
    thought: bool = False
    writer: str = ""

    def __post_init__(self) -> None:
        if type(self.token_ids) is not Integers:
            _set(self, "token_ids", _packed("token_ids", Integers, self.token_ids))
        if type(self.logprobs) is not Reals:
            _set(self, "logprobs", _packed("logprobs", Reals, self.logprobs))
        if self.entropy is not None and type(self.entropy) is not Reals:
            _set(self, "entropy", _packed("entropy", Reals, self.entropy))
        if self.given or self.observed or self.closing:
            self._check_counts()

    def _check_counts(self) -> None:
        counts = {"given": self.given, "observed": self.observed, "closing": self.closing}
        for name, count in counts.items():
            if type(count) is not int or count < 0:
                raise ValueError(f"Step.{name} is {count!r}; it must be a count of tokens")
        if sum(counts.values()) > len(self.token_ids):
            listed = ", ".join(f"{name} = {count}" for name, count in counts.items())
            raise ValueError(f"Step.token_ids has {len(self.token_ids)} tokens, fewer than {listed}")

    @property
    def written(self) -> slice:
        """Where the tokens stand that the policy itself wrote: `step.logprobs[step.written]`."""
        return slice(self.given, len(self.token_ids) - self.observed)

    @property
    def generated(self) -> int:
        """How many tokens the policy itself wrote."""
        return len(self.token_ids) - self.given - self.observed

    @property
    def inner_token_ids(self) -> Sequence[int]:
        """The tokens without the end tokens: what stays of the step once the path goes on after it."""
        if not self.closing:
            return self.token_ids
        last = len(self.token_ids) - self.observed
        return (*self.token_ids[: last - self.closing], *self.token_ids[last:])

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


def _packed(field: str, kind: type[Integers] | type[Reals], values: Iterable[Any]) -> Sequence[Any]:
    try:
        return kind(values)
    except ValueError as error:
        raise ValueError(f"Step.{field}{error}") from None
    except TypeError:
        raise ValueError(f"Step.{field} is {values!r}; it must be a sequence of numbers") from None


def cut(steps: Sequence[Step], most: int) -> Sequence[Step]:
    """No more than so many steps; the path is truncated there if it would go on."""
    if len(steps) < most:
        return steps
    *above, last = steps[: max(most, 1)]
    return (*above, replace(last, end=End.MAX_STEPS) if last.open else last)
