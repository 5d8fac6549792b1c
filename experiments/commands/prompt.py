r"""Prints exactly what a model is sent for a question.

usage: stepsearch prompt 'QUESTION' [key=value ...]
       stepsearch prompt - [key=value ...]         the question comes from standard input

Only the tokenizer is loaded. The prompt is on standard output, where a terminal shows its special tokens reversed; how
many tokens it has, and what is left out of it, is on standard error. what=scorer prints what a reward model reads of
the question and `solution`, with the tokens at which it judges a step underlined.

    stepsearch prompt '((3 + 4) * 2) ='
    stepsearch prompt '((3 + 4) * 2) =' show=tokens
    stepsearch prompt 'What is $1 + 1$?' policy.model=Qwen/Qwen3-8B policy.template.enable_thinking=false
    stepsearch prompt '((3 + 4) * 2) =' what=scorer solution='3 + 4 = 7\n\n7 * 2 = 14'
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from experiments.commands.question import read_question
from experiments.config.compose import compose
from experiments.config.schema import build
from policies.engines.outside import live_tokens
from policies.several import Several
from policies.writing import Writing
from scorers.reward_model import RewardModel
from search.errors import KnobError


class What(Enum):
    """Whose prompt is printed."""

    POLICY = "policy"
    SCORER = "scorer"


class Show(Enum):
    """How it is printed."""

    TEXT = "text"
    TOKENS = "tokens"


@dataclass(frozen=True)
class Prompt:
    """The knobs of `stepsearch prompt`."""

    policy: Any = None
    scorer: Any = None
    what: What = What.POLICY
    """policy: what it is sent; scorer: what a reward model reads of the question and `solution`"""
    solution: str | None = None
    """for what=scorer: a solution, whose steps end with scorer.delimiter"""
    show: Show = Show.TEXT
    """text: the prompt; tokens: a line for each of its tokens, with id and text"""


class Reading(NamedTuple):
    """Token ids, the places where a step is judged, and what is left out, in words."""

    tokenizer: Any
    ids: Sequence[int]
    places: frozenset[int] = frozenset()
    notice: str | None = None

    @property
    def special(self) -> frozenset[int]:
        """The ids of special tokens, and of the control tokens of the chat template."""
        live = live_tokens(self.tokenizer, str(self.tokenizer.chat_template or "")).texts
        return frozenset(i for i, token in self.tokenizer.added_tokens_decoder.items() if str(token) in live)

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def main(question: str | None = None, overrides: Sequence[str] = ()) -> int:
    text = read_question(question, Prompt)
    run: Prompt = build(compose(Prompt, overrides))
    reading = _of_policy(text, run) if run.what is What.POLICY else _of_scorer(text, run)
    special = reading.special
    if run.show is Show.TOKENS:
        for token in reading.ids:
            print(f"{token:>7}  {reading.decode([token])!r}{'  special' * (token in special)}")
    elif sys.stdout.isatty():
        Console().print(marked(reading), soft_wrap=True)
    else:
        print(reading.decode(reading.ids))
    count = sum(token in special for token in reading.ids)
    judged = f"; a step is judged at {len(reading.places)} of them" if reading.places else ""
    print(f"{len(reading.ids)} tokens, {count} of them special{judged}", file=sys.stderr)
    for line in (reading.notice or "").splitlines():
        print(f"note: {line}", file=sys.stderr)
    return 0


def _of_policy(question: str, run: Prompt) -> Reading:
    if isinstance(run.policy, Several):
        raise KnobError("policy=several has a prompt for each member; give the knobs of one member, as policy=hf")
    if not isinstance(run.policy, Writing):
        raise KnobError("policy: a policy without a language model is sent no prompt; choose policy=hf or policy=vllm")
    tokenizer = run.policy.tokenizer
    return Reading(tokenizer, run.policy.prompting.encode(tokenizer, question), notice=run.policy.notice())


def _of_scorer(question: str, run: Prompt) -> Reading:
    if not isinstance(run.scorer, RewardModel):
        raise KnobError("scorer: only reward models read a question in a form of their own; leave what=scorer out")
    if not run.solution:
        raise KnobError("solution: give the solution that the scorer reads, solution='one step\\n\\nanother'")
    from policies.engines.hf import load_tokenizer

    tokenizer = load_tokenizer(run.scorer.model)
    texts = [text.strip() for text in run.solution.split(run.scorer.delimiter) if text.strip()]
    ids, places = run.scorer.form.encode(tokenizer, question, texts)
    return Reading(tokenizer, ids, frozenset(places))


def marked(reading: Reading) -> Text:
    """The prompt with its special tokens reversed and the judged ones underlined."""
    marked, done = Text(), 0
    for style, count in _runs(reading):
        before, after = (reading.decode(reading.ids[:end]) for end in (done, done + count))
        marked.append("".join(map(_visible, after[len(before) :])), style)
        done += count
    return marked


def _runs(reading: Reading) -> Iterator[tuple[str, int]]:
    special = reading.special
    styles = [
        "reverse" * (token in special) + " underline" * (place in reading.places)
        for place, token in enumerate(reading.ids)
    ]
    for style, run in groupby(styles):
        yield style.strip(), len(list(run))


def _visible(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape").decode()
