"""Whether the tokens of several policies mean the same, and who can read the others'."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from policies.openai import OpenAI
from policies.toy import Toy
from policies.writing import Writing
from search.errors import KnobError
from search.protocols import Policy


class Tokens(NamedTuple):
    """What a policy's tokens are: members of one group read each other's as they are."""

    group: int
    tokenizer: Any = None
    """encodes what members of other groups wrote; None where the policy reads texts alone, or all are of one group"""


def tokens_of(members: Sequence[Policy], names: Sequence[str]) -> tuple[Tokens, ...]:
    """The tokens of each member. Raises KnobError where one could not read what another has written."""
    marks = [_mark(member) for member in members]
    groups = [marks.index(mark) for mark in marks]
    _check_thoughts(members, names)
    _check_waits(members, names)
    if len(set(groups)) == 1:
        return tuple(map(Tokens, groups))
    for name, member in zip(names, members, strict=True):
        if not isinstance(member, Writing | OpenAI):
            raise KnobError(
                f"policy.members: {name} ({type(member).__name__}) reads only tokens of its own, and another member "
                "writes others; give members of one kind, or those of hf, vllm and openai"
            )
        if isinstance(member, Writing) and member.thoughts:
            raise KnobError(
                f"policy.members: {name} thinks, and the members have different tokenizers, in which its tags are "
                f"other tokens; give members of one tokenizer, or policy.args.{name}.thinking=none to all that think"
            )
    tokenizers = [getattr(member, "tokenizer", None) for member in members]
    return tuple(map(Tokens, groups, tokenizers))


def _mark(member: Any) -> Any:
    """Equal where token ids mean the same."""
    if isinstance(member, Writing):
        return member.tokenizer.get_vocab()
    if isinstance(member, OpenAI):
        return "texts"
    if isinstance(member, Toy):
        return member.branch, member.depth
    return type(member)


def _check_thoughts(members: Sequence[Policy], names: Sequence[str]) -> None:
    """Raises KnobError where some members think and some do not: one would go on within another's thought."""
    thinks = {name: bool(m.thoughts) for name, m in zip(names, members, strict=True) if isinstance(m, Writing)}
    if differ := _one_and_other(thinks):
        one, other = differ
        raise KnobError(
            f"policy.members: {one} thinks before it answers and {other} does not; give members that all think, or "
            f"policy.args.{one}.thinking=none"
        )


def _check_waits(members: Sequence[Policy], names: Sequence[str]) -> None:
    """Raises KnobError where some members wait and some do not: one would go on where another was made to."""
    waits = {name: m.wait > 0 for name, m in zip(names, members, strict=True) if isinstance(m, Writing)}
    if differ := _one_and_other(waits):
        one, other = differ
        raise KnobError(
            f"policy.members: {one} has a wait and {other} none, which would go on where {one} stopped and not read "
            f"its wait_text; give it policy.args.{other}.wait=1, too"
        )


def _one_and_other(does: Mapping[str, bool]) -> tuple[str, str] | None:
    """The first name that does and the first that does not; None where all are alike."""
    one, other = (next((name for name, value in does.items() if value is which), None) for which in (True, False))
    return None if one is None or other is None else (one, other)
