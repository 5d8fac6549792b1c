"""Cuts a text into steps where nothing is known of its tokens: at the delimiter, at a box, behind a thought."""

from collections.abc import Iterator
from typing import NamedTuple

from policies.engines.thinking import KNOWN
from search.answers.boxes import has_boxed
from search.tree.step import End, Step


class Rule(NamedTuple):
    """Where steps and solutions end."""

    delimiter: str
    ends_at_box: bool
    most: int
    """steps of a solution"""


def cut(text: str, before: str, steps_before: int, last: End, rule: Rule) -> Iterator[Step]:
    """The steps of `text`, which follows `before` and as many steps outside of thoughts, and ended by `last`.

    What follows an answer is dropped. A thought is one step where the text holds its end; within one no step is an
    answer.
    """
    thought, rest, closed = _thought(text, before)
    if thought:
        yield Step(thought, end=End.THOUGHT if closed else last, thought=True)
        if not closed or (not rest.strip() and last is End.DELIMITER):
            return
    body = rest.lstrip() if thought else rest  # nothing but a delimiter behind the thought is no step
    parts = [part + rule.delimiter for part in body.split(rule.delimiter)]
    parts[-1] = parts[-1].removesuffix(rule.delimiter)
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    parts[0] = rest[: len(rest) - len(body)] + parts[0]
    for place, part in enumerate(parts, 1):
        end = End.DELIMITER if place < len(parts) else last
        if rule.ends_at_box and has_boxed(part):
            end = End.ANSWER
        elif end in (End.DELIMITER, End.STEP_TOKENS) and steps_before + place >= rule.most:
            end = End.MAX_STEPS
        yield Step(part, end=end)
        if end is not End.DELIMITER:
            return


def _thought(text: str, before: str) -> tuple[str, str, bool]:
    """What of the text lies in a thought, what follows it, and whether the thought ends there."""
    whole = (before + text).lstrip()
    tags = next((tags for tags in KNOWN if whole.startswith(tags.open)), None)
    if tags is None or tags.close in before:
        return "", text, False
    head, close, rest = text.partition(tags.close)
    return head + close, rest, bool(close)
