"""The policy's own weights as the judge: asked in words whether a step is right, how probable are Yes and No?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from policies.engines.outside import MARK, as_text, encode
from policies.engines.prompt import chat
from scorers.checkpoints.forms import pieces
from scorers.checkpoints.heads import Words
from scorers.checkpoints.own_words import reader_of
from scorers.checkpoints.step_reader import StepReader
from scorers.written import judged
from search.errors import KnobError
from search.parts import parts
from search.protocols import Scored
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.path import PathView
from search.tree.scores import Kind
from search.tree.step import Step

PROMPT = "Is the last step of this solution right, given the steps before it? Answer with one word: Yes or No."


@dataclass(frozen=True)
class SelfJudge:
    """The share of Yes in the probability of Yes and No, that the policy's model answers about each step.

    InternLM-Math (arXiv 2402.06332) judges with one set of weights so; Kadavath et al. (arXiv 2207.05221) call it
    P(True). `solve` joins it to the search's policy.
    """

    prompt: str = PROMPT
    """the question about the last step, as the user's next turn"""
    yes: str = "Yes"
    """the word for a right step"""
    no: str = "No"
    """the word for a wrong step"""
    thoughts: bool = False
    """reads what the policy thinks before its answer, too"""

    kind = Kind.CORRECTNESS
    reads_logprobs = False

    def __post_init__(self) -> None:
        for knob in ("prompt", "yes", "no"):
            if not getattr(self, knob).strip():
                raise KnobError(f"SelfJudge.{knob} is empty; give it words")

    def with_policy(self, policy: Any) -> "Judging":
        """The scorer of a search with this policy. Raises KnobError where the policy has no model that it runs."""
        if not hasattr(type(policy), "engine") or not hasattr(type(policy), "prompting"):
            raise KnobError(
                f"scorer=self_judge judges with the policy's own model, and {type(policy).__name__} runs none; "
                "choose policy=hf or policy=vllm"
            )
        return Judging(self.prompt, self.yes, self.no, self.thoughts, policy)

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        raise KnobError("scorer=self_judge judges with the policy's own model, and there is no policy here")


@dataclass(frozen=True)
class Judging(SelfJudge):
    """The judge that a policy is."""

    policy: Any = field(default=None, repr=False)

    @property
    def reader(self) -> StepReader:
        return reader_of(self.policy.engine, Words(self.yes, self.no))

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """One request a step. Raises ValueError where one fills the context."""
        texts = self._texts(question, steps, since)
        with parts() as asked:
            answers = await together(*(asked.ask(self._read, ids) for ids in texts))
        return Scored([score for answer in answers for score in answer.scores], asked.cost, not asked.exact)

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Of all steps to judge; None where nobody knows yet how many there will be."""
        if tokens:
            return None
        steps, since = PathView(node, self.thoughts), judged(node, self.thoughts)
        costs = [
            self.reader.worst_case(len(ids), [len(ids) - 1]) for ids in self._texts(node.tree.question, steps, since)
        ]
        return None if None in costs else sum((cost for cost in costs if cost is not None), NOTHING)

    async def _read(self, ids: list[int]) -> Scored:
        reader = self.reader
        if len(ids) > reader.context:
            raise ValueError(
                f"a solution to judge takes {len(ids)} tokens with the question about it; "
                f"{self.policy.model} holds {reader.context}"
            )
        return await reader.read(ids, [len(ids) - 1])

    def _texts(self, question: str, steps: Sequence[Step], since: int) -> list[list[int]]:
        """For each step from `since` on: the policy's own tokens up to its end, then the question about it."""
        tokenizer = self.reader.tokenizer
        asks = _asks(tokenizer, self.policy.prompting.template(tokenizer), self.prompt)
        path, texts = list(self.policy.prompting.encode(tokenizer, question)), list[list[int]]()
        for place, step in enumerate(steps):
            path += step.inner_token_ids if step.token_ids else pieces(tokenizer, step.text)
            if place >= since:
                texts.append([*path, *asks])
        return texts


@lru_cache(maxsize=64)
def _asks(tokenizer: Any, template: str | None, prompt: str) -> tuple[int, ...]:
    """What follows a solution: the end of its turn, the question about it, and the beginning of the reply."""
    if not template:
        return tuple(encode(tokenizer, f"\n\n{as_text(tokenizer, prompt)}\n"))
    turns = [("user", "?"), ("assistant", _SOLUTION), ("user", as_text(tokenizer, prompt))]
    text = chat(tokenizer, [{"role": role, "content": content} for role, content in turns], "", True)
    return tuple(encode(tokenizer, text.rpartition(_SOLUTION)[2]))


_SOLUTION = f"solution{MARK[:8]}"  # a word that stands nowhere else
