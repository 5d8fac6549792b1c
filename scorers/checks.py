"""The verifier that needs no model: every claim `a = b` of numbers in a step is computed.

A step that claims something false is wrong; one whose claims all hold passes; one that claims nothing that can be
computed is unknown. Where the question is an equation in one variable, a claim `x = number` is put back into it.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scorers.claims import Claim, claims, latex
from search.answers.equivalence import Equivalence
from search.errors import check_knob
from search.protocols import Scored, Stopped
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.scores import Kind
from search.tree.step import Step

_LETTER = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])")
_DECIMAL = re.compile(r"-?\d*\.(\d+)")

SECONDS = 10.0  # for one step

_relation = Equivalence(seconds=2.0, workers=2)


class Verdict(StrEnum):
    """The outcome of checking a claim or a step."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Checks:
    """1 for a step that passes, 0 for one that fails, `unknown` for one that claims nothing that can be computed."""

    unknown: float = 0.5
    """score of a step that cannot be checked; 1 trusts it"""

    kind = Kind.CORRECTNESS
    reads_logprobs = False

    def __post_init__(self) -> None:
        check_knob(self, "unknown", least=0, most=1)

    def worst_case(self, node: Node, tokens: int) -> Cost:
        return NOTHING

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Cancelled, it leaves a thread that ends by itself; no model ran."""
        worth = {Verdict.PASS: 1.0, Verdict.FAIL: 0.0, Verdict.UNKNOWN: self.unknown}
        try:
            verdicts = await asyncio.to_thread(lambda: [check(question, step.text) for step in steps[since:]])
        except asyncio.CancelledError:
            raise Stopped(NOTHING) from None
        return Scored([worth[verdict] for verdict in verdicts], NOTHING)


def check(question: str, text: str) -> Verdict:
    """The verdict on one step. Blocks while expressions are computed, each for at most 2 s of processor time.

    No new claim is checked after SECONDS.
    """
    stop, verdicts = time.monotonic() + SECONDS, set[Verdict]()
    for claim in claims(text):
        verdicts.update(_verdicts(question, claim))
        if Verdict.FAIL in verdicts or time.monotonic() > stop:
            break
    return next((verdict for verdict in (Verdict.FAIL, Verdict.PASS) if verdict in verdicts), Verdict.UNKNOWN)


def _verdicts(question: str, claim: Claim) -> Iterator[Verdict]:
    if claim.numeric:
        yield _holds(claim)
    elif solved := _put_back(question, claim):
        yield _holds(solved)


def _holds(claim: Claim) -> Verdict:
    """A decimal may be the other side rounded to its places, or cut off there."""
    left, right = map(_relation.value, claim)
    if left is None or right is None:
        return Verdict.UNKNOWN
    places = [len(match[1]) for side in claim if (match := _DECIMAL.fullmatch(side))]
    # Rounding and cutting off move a number by less than one in its last place.
    allowed = max([1e-9 * max(abs(left), abs(right), 1), *((1 - 1e-6) * 10.0**-count for count in places)])
    return Verdict.PASS if abs(left - right) <= allowed else Verdict.FAIL


def _put_back(question: str, claim: Claim) -> Claim | None:
    """The question's equation with the claim's number for its variable; None where they do not fit."""
    if not (_LETTER.fullmatch(claim.left) and Claim(claim.right, "0").numeric):
        return None
    equations = [equation for equation in claims(question) if not equation.numeric]
    if len(equations) != 1 or set(_LETTER.findall(" = ".join(equations[0]))) != {claim.left}:
        return None
    sides = [latex(_LETTER.sub(lambda _: f"({claim.right})", side)) for side in equations[0]]
    return solved if (solved := Claim(*sides)).numeric else None
