r"""What the small thinking policy learns from: thoughts made of the small policy's own samples.

A thought is an attempt after another, each with its box, until two agree; then the answer restates the attempt that
they agree on:

    <think>
    2 * 3 + 1 = 6 + 1 = 8
    \boxed{8}

    Wait

    2 * 3 + 1 = 6 + 1 = 7
    \boxed{7}

    Wait

    2 * 3 + 1 = 6 + 1 = 7
    \boxed{7}

    </think>

    2 * 3 + 1 = 6 + 1 = 7
    \boxed{7}

The attempts are independent samples, so that nothing can be gained by copying an earlier one's mistake: the model
learns to work everything out again, and to compare. Some thoughts are cut short, as a limit on tokens does it; then the
answer restates the best of what is there, or is a right attempt of its own.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.problems import arithmetic

OPEN, CLOSE = "<think>", "</think>"
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

    Of ten one is empty, three are cut short, and the others end because two of their attempts agree.
    """
    attempts = rng.sample(attempts, len(attempts))
    gold, draw = arithmetic.parse(question), rng.random()
    right = next((_text(steps).rstrip() for steps in attempts if _value(steps) == gold), None)
    if draw < 0.1:
        return Thought("", right, closed=False) if right else None
    whole, agreed = _until_two_agree(attempts)
    if draw < 0.4:
        thought, last = _cut_short(whole, rng)
        answer = last or right
        return Thought(thought, answer, closed=False) if answer else None
    return Thought(_joined(whole), agreed, closed=True) if agreed else None


def _until_two_agree(attempts: Sequence[Sequence[str]]) -> tuple[Sequence[Sequence[str]], str | None]:
    """The attempts up to the second of one value, and its text; all of them and None where no two agree."""
    seen: set[int] = set()
    for place, steps in enumerate(attempts, 1):
        value = _value(steps)
        if value in seen:
            return attempts[:place], _text(steps).rstrip()
        if value is not None:
            seen.add(value)
    return attempts, None


def _cut_short(attempts: Sequence[Sequence[str]], rng: random.Random) -> tuple[str, str | None]:
    """The thought up to a random character, and the last whole attempt in it, if there is one."""
    text = _joined(attempts)
    text = text[: rng.randrange(1, len(text))]
    ends = [len(_joined(attempts[: place + 1])) for place in range(len(attempts))]
    whole = sum(end <= len(text) + 2 for end in ends)
    return text, _text(attempts[whole - 1]).rstrip() if whole else None


def _joined(attempts: Sequence[Sequence[str]]) -> str:
    return f"{AGAIN}\n\n".join(map(_text, attempts))


def _text(steps: Sequence[str]) -> str:
    return "".join(steps).rstrip("\n") + "\n\n"


def _value(steps: Sequence[str]) -> int | None:
    return arithmetic.state_after(steps[-1])
