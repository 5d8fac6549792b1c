"""Where steps end: a rule that is asked at every token. The default is a delimiter; a policy may have another."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from policies.engines.models import ModelError
from search.answers.boxes import has_boxed


class Token(NamedTuple):
    """A token that was just written, as a boundary rule sees it."""

    id: int
    text: str
    """what it adds to the step's text; a character of several tokens comes with the last of them"""
    logprob: float
    entropy: float | None
    """in nats; None where the engine does not give it (vLLM)"""
    count: int
    """tokens that the policy has written in this step, this one included; 0 where the token was given to it"""


class Boundary(Protocol):
    """A rule for where steps end; a frozen dataclass, because policies of equal rules share an engine's batches.

    A method `stops(texts) -> frozenset[int]` is optional: the tokens, given the texts of all, after which a step always
    ends. vLLM then writes a step in one request that stops there. Without it vLLM writes up to 64 tokens a request;
    those behind a boundary are dropped, and charged.
    """

    def watch(self) -> Callable[[Token], bool]:
        """The rule for one step: a function that is asked at each of its tokens, in order, if the step ends with it.

        It is asked at given tokens too, where its answer has no effect.
        """
        ...


@dataclass(frozen=True)
class Delimiter:
    """A step ends with the token that completes this text within the step; the empty text ends none."""

    text: str = "\n\n"

    def watch(self) -> Callable[[Token], bool]:
        text, keep, tail = self.text, len(self.text) - 1, ""

        def ends(token: Token) -> bool:
            nonlocal tail
            seen = tail + token.text
            tail = seen[max(0, len(seen) - keep) :]
            return text in seen

        return ends if text else lambda token: False

    def stops(self, texts: Sequence[str]) -> frozenset[int]:
        """The tokens that hold all of the delimiter; it may also come in parts."""
        return frozenset(i for i, text in enumerate(texts) if self.text and self.text in text)

    def check(self, texts: Sequence[str]) -> None:
        """Raises ModelError where the model's tokens cannot write the delimiter."""
        missing = {letter for letter in self.text if not any(letter in text for text in texts)}
        if missing:
            raise ModelError(
                f"delimiter={self.text!r}: no token of the model holds {min(missing)!r}; choose another delimiter"
            )


@dataclass(frozen=True)
class Unsure:
    """A step ends with a token of a probability below `confidence` (AdaptiveStep, arXiv 2502.13943, section 3.1).

    So a step ends with a decision. The paper's threshold leaves 2 % of the tokens below it. A box is not divided, and
    ends its step.
    """

    confidence: float

    def watch(self) -> Callable[[Token], bool]:
        least, text = math.log(self.confidence), ""

        def ends(token: Token) -> bool:
            nonlocal text
            text += token.text
            place = text.rfind("\\boxed")
            box = text[place:] if place >= 0 else ""
            if box == "\\boxed" or box.count("{") > box.count("}"):
                return False
            return token.logprob < least or has_boxed(box)

        return ends


def stops_of(boundary: Boundary, texts: Sequence[str]) -> frozenset[int]:
    """The tokens after which a step always ends; empty where the rule names none."""
    stops: Any = getattr(boundary, "stops", None)
    return frozenset() if stops is None else stops(texts)
