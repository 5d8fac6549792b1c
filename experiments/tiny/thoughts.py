r"""What the small thinking policy learns from: thoughts made of the small policy's own samples.

A thought is an attempt after another, each with its box and then a list of all results so far, until the last one has
been there before; the answer is that one:

    <think>
    2 * 3 + 1 = 6 + 1 = 8
    \boxed{8}

    8

    Wait

    2 * 3 + 1 = 6 + 1 = 7
    \boxed{7}

    8, 7

    Wait

    2 * 3 + 1 = 6 + 1 = 7
    \boxed{7}

    8, 7, 7

    </think>

    \boxed{7}

The attempts are independent samples, so that nothing can be gained by copying an earlier one's mistake: the model
learns to work everything out again, and to compare. Some thoughts are cut short, as a limit on tokens does it: then the
answer is the last result, or a right solution where there is none yet.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.problems import arithmetic
from policies.engines.thinking import KNOWN

OPEN, CLOSE = KNOWN[0]
AGAIN = "Wait"


@dataclass(frozen=True)
class Thought:
    """What stands between the tags, and behind the closing one.

    `closed` says whether the model closed it, or else a limit, which it shall not learn to do itself. The prompt closes
    an empty one.
    """

    thought: str
    answer: str
    closed: bool


def think(question: str, attempts: Sequence[Sequence[str]], rng: random.Random) -> Thought | None:
    """A thought from samples of a question, each given as its steps; None where these do not make one.

    Of twenty four are empty, five are cut short, and the others end because two of their attempts agree.
    """
    attempts = [steps for steps in rng.sample(attempts, len(attempts)) if _value(steps) is not None]
    gold, draw = arithmetic.parse(question), rng.random()
    right = next(("".join(steps).rstrip() for steps in attempts if _value(steps) == gold), None)
    if draw < 0.2:
        return Thought("", right, closed=False) if right else None
    parts, agreed = _until_two_agree(attempts)
    if draw < 0.45:
        thought, last = _cut_short(parts, rng)
        answer = right if last is None else boxed(last)
        return Thought(thought, answer, closed=False) if answer else None
    return None if agreed is None else Thought("".join(part.text for part in parts), boxed(agreed), closed=True)


@dataclass(frozen=True)
class _Part:
    """An attempt with the list of results behind it, and its own result."""

    text: str
    value: int


def _until_two_agree(attempts: Sequence[Sequence[str]]) -> tuple[list[_Part], int | None]:
    """The attempts up to the second of one value, and that value; all of them and None where no two agree."""
    values: list[int] = []
    parts: list[_Part] = []
    for steps in attempts:
        value = _value(steps)
        assert value is not None
        again = f"{AGAIN}\n\n" if values else ""
        text = "".join(steps).rstrip()
        parts.append(_Part(f"{again}{text}\n\n{', '.join(map(str, [*values, value]))}\n\n", value))
        if value in values:
            return parts, value
        values.append(value)
    return parts, None


def _cut_short(parts: Sequence[_Part], rng: random.Random) -> tuple[str, int | None]:
    """The thought up to a random character, and the last result in it, if there is one."""
    text = "".join(part.text for part in parts)
    length, cut, last = 0, rng.randrange(1, max(2, len(text))), None
    for part in parts:
        length += len(part.text)
        if length > cut:
            break
        last = part.value
    return text[:cut], last


def boxed(value: int) -> str:
    return f"\\boxed{{{value}}}"


def _value(steps: Sequence[str]) -> int | None:
    """An attempt's result; None where it was cut before its box."""
    return arithmetic.state_after(steps[-1]) if "\\boxed" in steps[-1] else None
