"""Checks before a run starts: the models load, and searchers, scorer and selection fit together."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import chain
from typing import Any, NoReturn

from experiments.terminal import note
from policies.several import Several
from policies.writing import Writing
from scorers.ensemble import Ensemble
from search.answers.extraction import Boxed, Extraction
from search.answers.selection import BY_SCORE, Rule, Selection, use_of
from search.errors import KindError, KnobError
from search.protocols import GO_ON, Ask, Policy, Scorer, check_fit, reads_logprobs
from search.solve import SECOND, Searcher, solve
from search.tree import Node
from search.tree.marks import check_kind
from search.tree.scores import conversion, reduction_for


def ready(
    question: str, searcher: Searcher, policy: Policy, scorer: Scorer, selection: Selection, second: Scorer | None
) -> None:
    """Checks that the parts of one search fit together, loads their models, and says what a user should know of them.

    Raises KindError and KnobError where they do not fit, ModelError where a model cannot be loaded.
    """
    check_kinds({"search": searcher}, scorer, selection, second)
    check_fit(policy, searcher, scorer, second)
    load_engines(policy, scorer, second)
    warn_of_context(policy, (scorer, second), [question])


def load_engines(*owners: Any) -> None:
    """Loads the models behind policies and scorers, and prints what a user should know of them first."""
    for line in loaded(*owners):
        note(line)


def loaded(*owners: Any) -> list[str]:
    """Loads the models behind policies and scorers, which otherwise load at the first request; what to know of them.

    Engines that start by themselves start beside each other.
    """
    for method in ("start_loading", "load"):
        for owner in owners:
            if hasattr(type(owner), method):
                getattr(owner, method)()
    notices = [(owner.notice() if hasattr(type(owner), "notice") else None) or "" for owner in owners]
    return [f"note: {line}" for notice in notices for line in notice.splitlines()]


def prompt_losses(*owners: Any) -> list[str]:
    """What the policies among `owners` mean to send and do not, a line each."""
    members = chain.from_iterable(members_of(owner) for owner in owners)
    return [lost for member in members if isinstance(member, Writing) and (lost := member.prompt_loss())]


def members_of(owner: Any) -> tuple[Any, ...]:
    """The members of several policies, or of an ensemble; of any other policy or scorer itself."""
    return owner.of if isinstance(owner, Several | Ensemble) else (owner,)


def warn_of_context(policy: Any, scorers: Sequence[Any], questions: Sequence[str]) -> None:
    """Prints `context_notes`."""
    for line in context_notes(policy, scorers, questions):
        note(line)


def context_notes(policy: Any, scorers: Sequence[Any], questions: Sequence[str]) -> Iterator[str]:
    """Says where a solution to the longest question may be longer than what a scorer reads of it.

    The models are loaded. Tokens of the policy and of the scorer are taken to be alike.
    """
    if isinstance(policy, Several):
        yield from chain.from_iterable(context_notes(member, scorers, questions) for member in policy.of)
    if not isinstance(policy, Writing):
        return
    question = max(questions, key=len, default="")
    prompt = len(policy.prompting.encode(policy.tokenizer, question))
    for scorer in chain.from_iterable(map(members_of, scorers)):
        if not hasattr(type(scorer), "room"):
            continue
        thinks = policy.thoughts is not None and getattr(scorer, "thoughts", False)
        most = min(policy.max_tokens + policy.max_thinking_tokens * thinks, policy.engine.context - prompt)
        if most > (room := max(0, scorer.room(question))):
            knobs = "policy.max_tokens" + " and policy.max_thinking_tokens" * thinks
            yield (
                f"note: {scorer.model} reads about {room:,} tokens of a solution to the longest question, and {knobs} "
                f"allow{'s' * (not thinks)} {most:,}; a search with a longer one fails: lower it to {room:,} or less"
            )


def with_ends(policy: Any, extraction: Extraction) -> Any:
    """The policy; under another extraction than the last box, with solutions that end at its end token alone."""
    if isinstance(policy, Several):
        return replace(policy, of=tuple(with_ends(member, extraction) for member in policy.of))
    if isinstance(extraction, Boxed) or not hasattr(policy, "ends_at_box"):
        return policy
    return replace(policy, ends_at_box=False)


def with_logprobs(policy: Any, kept: bool, *readers: Any) -> Any:
    """The policy; without log-probabilities where no tree is `kept` and none of the readers may read them."""
    return policy if kept or reads_logprobs(*readers) is not False else without_logprobs(policy)


def without_logprobs(policy: Any) -> Any:
    """The policy without log-probabilities, which cost time on vLLM; itself where it writes in a way of its own."""
    if not isinstance(policy, Writing) or type(policy).extend is not Writing.extend:
        return policy
    bare = copy(policy)  # a subclass may take other arguments than these fields
    object.__setattr__(bare, "logprobs", False)
    return bare


class _FirstRequest(Exception):
    """The search has sent its first request."""


class _Probe:
    """A policy that ends a search at its first request; any scorer can be joined to it."""

    engine = prompting = None

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> NoReturn:
        raise _FirstRequest


def check_second(second: Scorer | None, selection: Selection) -> None:
    """Raises KnobError unless the selection names the second scorer that there is, KindError where that one ranks."""
    if second is None and selection.by is not None:
        raise KnobError(
            f"selection.by={selection.by}, but there is no second scorer; choose one, second=outcome, or leave it out"
        )
    if second is not None and selection.by is None:
        raise KnobError(f"the second scorer would choose nothing; add selection.by={SECOND}, or leave second out")
    if second is not None and selection.by != SECOND:
        raise KnobError(f"selection.by={selection.by}: no such scorer; the name of the second one is {SECOND}")
    if second is not None:
        check_kind(SECOND, second.kind)


def check_selection(
    searchers: Mapping[str, Searcher], scorer: Scorer, selection: Selection, second: Scorer | None = None
) -> None:
    """Raises KindError where the reduction or the vote cannot use the scores of the scorer that chooses, or no searcher
    has the weights that the vote counts; KnobError as `check_second`.
    """
    check_second(second, selection)
    chooser = scorer if second is None else second
    reduction_for(chooser.kind, selection.reduction)
    if selection.rule in BY_SCORE:
        conversion(chooser.kind, use_of(selection.rule))
    if selection.rule is Rule.PARTICLE and not any(getattr(s, "populations", True) for s in searchers.values()):
        raise KindError("selection=particle needs search=particle_filter; choose best, majority or weighted")


def check_kinds(
    searchers: Mapping[str, Searcher], scorer: Scorer, selection: Selection, second: Scorer | None = None
) -> None:
    """Raises KindError where a searcher cannot use the scorer's kind of score; KindError and KnobError as
    `check_selection`.

    A searcher checks the kind before its first request, so each one runs until that request.
    """
    check_selection(searchers, scorer, selection, second)
    for name, searcher in searchers.items():
        try:
            asyncio.run(solve("", searcher, _Probe(), scorer))
        except _FirstRequest:
            pass
        except KindError as error:
            raise KindError(f"{name}: {error}") from error
