"""Cuts written tokens into steps, by hand, with a vocabulary of a few tokens."""

from collections.abc import Sequence

from policies.engines.boundary import Boundary, Delimiter
from policies.engines.cutter import Cutter
from policies.engines.ends import Limits, Vocabulary
from search import End, Step

TEXTS = ["a", "b", "\n\n", ".\n\n", "\n", "\\boxed{", "7", "}", "", "}\n\n", "\n\nc"]
EOS = 8
VOCABULARY = Vocabulary(TEXTS, frozenset({EOS}), lambda ids: "".join(TEXTS[i] for i in ids))


def cut(
    *tokens: str | int,
    limits: Limits = Limits(),  # noqa: B008
    steps_before: int = 0,
    tokens_before: int = 0,
    room: int = 10**6,
    max_steps: int | None = None,
    given: Sequence[str] = (),
    boundary: Boundary = Delimiter(),  # noqa: B008
) -> Cutter:
    """A cutter that was pushed these tokens, by text or id, until it was done; tokens after that are dropped."""
    ids = [TEXTS.index(text) for text in given]
    cutter = Cutter(VOCABULARY, boundary, limits, steps_before, tokens_before, room, max_steps, ids)
    for position, token in enumerate(tokens):
        if cutter.done:
            break
        cutter.push(
            token if isinstance(token, int) else TEXTS.index(token), -0.1 * (position + 1), entropy=float(position)
        )
    return cutter


def ends(steps: Sequence[Step]) -> list[tuple[str, End]]:
    return [(step.text, step.end) for step in steps]


BOX = ("\\boxed{", "7", "}")
