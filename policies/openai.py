"""A policy behind an OpenAI-compatible endpoint, which takes texts: hosted models, Ollama, llama.cpp, SGLang.

Nothing is known of a model's tokens there: no ids, no log-probabilities, no FLOPs. The ledger has what the endpoint's
`usage` tells, and None for the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from policies.engines.chat import Completion, Endpoint, endpoint
from policies.engines.connection import library
from policies.engines.ends import Limits
from policies.engines.prompt import SYSTEM_PROMPT, with_sources
from policies.engines.text_steps import Rule, cut
from policies.engines.urls import check_urls
from search.errors import KnobError, check_knob
from search.protocols import GO_ON, Ask, Extension
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.step import End, Step


@dataclass(frozen=True)
class OpenAI:
    """Any model behind chat completions: whole solutions, and steps where it continues an assistant's turn."""

    model: str = ""
    """the model's name there"""
    url: str = "https://api.openai.com/v1"
    """the endpoint; http://127.0.0.1:11434/v1 is Ollama"""
    key: str = "OPENAI_API_KEY"
    """the environment variable that holds the key"""
    temperature: float = 1.0
    """0 is greedy"""
    top_p: float = 1.0
    """nucleus; 1 is off, and not sent"""
    max_steps: int = 40
    """steps of a solution"""
    max_step_tokens: int = 512
    """with continues: tokens of a step; a longer one is cut there and may go on"""
    max_tokens: int = 2048
    """tokens of a solution, thoughts that the endpoint counts included"""
    delimiter: str = "\n\n"
    """ends a step"""
    system_prompt: str = SYSTEM_PROMPT
    """the instruction; empty is none"""
    continues: bool = False
    """the endpoint goes on with an assistant's turn that has begun: steps can be searched"""
    ends_at_box: bool = True
    """a solution ends with the step that has a \\boxed{} with an answer; false under another answer= than boxed"""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    """more fields of each request, policy.extra.reasoning_effort=low"""
    continuing: dict[str, Any] = field(default_factory=dict[str, Any])
    """more fields of a request that continues a turn; vLLM and SGLang: policy.continuing.continue_final_message=true"""
    max_num_seqs: int = 32
    """requests under way at most"""
    patience: float = 600.0
    """seconds to try again while the endpoint is busy, over its limit or not there"""

    logprobs: ClassVar[bool] = False
    local: ClassVar[bool] = False  # its model is no folder here

    def __post_init__(self) -> None:
        check_knob(self, "temperature", least=0, most=2)
        check_knob(self, "top_p", above=0, most=1)
        check_knob(self, "max_num_seqs", least=1)
        check_knob(self, "patience", above=0)
        check_urls([self.url])
        if not self.delimiter:
            raise KnobError("OpenAI.delimiter is empty; name the text that ends a step")
        _ = Limits(self.max_steps, self.max_step_tokens, self.max_tokens)

    @property
    def endpoint(self) -> Endpoint:
        """Raises KnobError where no model is named, ModelError where aiohttp is not installed."""
        if not self.model:
            raise KnobError("policy.model: name the endpoint's model")
        library()
        return endpoint(self.url, self.key, self.max_num_seqs, self.patience)

    def load(self) -> None:
        """Nothing is asked before the first request, which costs money."""
        _ = self.endpoint

    async def extend(
        self, node: Node, n: int, max_steps: int | None, seeds: Sequence[int], ask: Ask = GO_ON
    ) -> Extension:
        """Raises KnobError where steps are asked for and the endpoint does not continue a turn."""
        if not self.continues and (node.depth or max_steps is not None or ask.given):
            raise KnobError(
                "policy=openai writes whole solutions (search=best_of_n); where the endpoint continues an assistant's "
                "turn, say so: policy.continues=true"
            )
        check_knob(ask, "temperature", least=0, most=2)
        check_knob(ask, "max_tokens", least=1)
        if ask.floor:
            raise KnobError("policy=openai tells no log-probabilities, and takes no request with floor")
        written = await together(*(self._continuation(node, max_steps, seed, ask) for seed in seeds))
        costs = tuple(cost._replace(calls=int(not place)) for place, (_, cost, _) in enumerate(written))
        at_least = any(lost for _, _, lost in written)
        return Extension(tuple(steps for steps, _, _ in written), sum(costs, NOTHING), None, costs, at_least)

    def worst_case(self, node: Node, max_steps: int | None) -> Cost:
        """What one continuation may write at most; what would be read for it is unknown."""
        most = self._most(max_steps) * (max_steps or 1)
        return Cost(*cast(tuple[int, int, int], (most, None, None)), flops=None)

    async def _continuation(
        self, node: Node, max_steps: int | None, seed: int, ask: Ask
    ) -> tuple[tuple[Step, ...], Cost, bool]:
        """The steps, what they cost, and whether they may have cost more."""
        begun = "".join(step.text for step in node.steps())
        steps, cost, lost, before = list[Step](), NOTHING, False, node.depth - node.thoughts
        while not steps or (steps[-1].open and len(steps) < (max_steps or 0)):
            given = "" if steps else ask.given
            body = self._body(node, begun + given, max_steps, seed + len(steps), ask)
            completion = await self.endpoint.complete(body)
            cost, lost = cost + _cost(completion), lost or completion.lost
            answered = before + sum(not step.thought for step in steps)
            new = list(self._cut(completion, max_steps is not None, given, begun, answered))
            steps += new
            begun += "".join(step.text for step in new)
        return tuple(steps[:max_steps]), cost, lost

    def _body(self, node: Node, begun: str, max_steps: int | None, seed: int, ask: Ask) -> dict[str, Any]:
        """A request for one step, or for the rest of the solution."""
        texts = [source.text() for source in ask.sources]
        question = node.tree.question
        user = with_sources(question, ask.hint, texts) if ask.hint or texts else question
        messages = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        messages += [{"role": "user", "content": user}, *([{"role": "assistant", "content": begun}] if begun else [])]
        most = self._most(max_steps)
        return {
            "model": self.model,
            "messages": messages,
            "temperature": self.temperature if ask.temperature is None else ask.temperature,
            **({"top_p": self.top_p} if self.top_p < 1 else {}),
            "max_tokens": most if ask.max_tokens is None else min(most, ask.max_tokens),
            "seed": seed % (1 << 31),
            **({} if max_steps is None else {"stop": [self.delimiter]}),
            **self.extra,
            **(self.continuing if begun else {}),
        }

    def _most(self, max_steps: int | None) -> int:
        """Tokens of one request: of a step, or of the rest of the solution."""
        return self.max_tokens if max_steps is None else min(self.max_step_tokens, self.max_tokens)

    def _cut(self, completion: Completion, stepwise: bool, given: str, before: str, steps: int) -> Iterator[Step]:
        """The steps of a completion that follows so many others and their text."""
        text, last = given + completion.text, self._end(completion, stepwise)
        if last is End.DELIMITER and not text.endswith(self.delimiter):
            text += self.delimiter  # which endpoints leave out
        return cut(text, before, steps, last, Rule(self.delimiter, self.ends_at_box, self.max_steps))

    def _end(self, completion: Completion, stepwise: bool) -> End:
        """Why a completion ended. Where the endpoint does not say if it was at the delimiter, only an empty one is the
        solution's end.
        """
        if completion.finish == "length":
            return End.STEP_TOKENS if stepwise else End.MAX_TOKENS
        if completion.finish not in ("stop", None):  # a filter, a call of a tool
            return End.MAX_TOKENS
        if not stepwise:
            return End.EOS
        stopped = completion.stop is not None if completion.tells_stop else bool(completion.text.strip())
        return End.DELIMITER if stopped else End.EOS


def _cost(completion: Completion) -> Cost:
    """What the endpoint tells; a count is None where it tells none."""
    prompt, cached = completion.prompt, completion.cached
    computed = prompt if prompt is None or cached is None else prompt - cached
    counts = cast(tuple[int, int, int], (completion.written, computed, cached))  # None, too, which is unknown
    return Cost(*counts, calls=0, flops=None)
