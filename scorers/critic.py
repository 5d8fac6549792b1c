"""A language model that criticises each step in words before it says right or wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from policies.engines.boundary import Delimiter
from policies.engines.precision import Embedded
from policies.engines.probe import Probe
from policies.engines.prompt import encode_question
from policies.engines.share import Engine, Share
from scorers.model_scorer import ModelScorer
from scorers.written import as_read, judged, write
from search.answers.boxes import boxed
from search.errors import KnobError, ScoreError, check_knob
from search.parts import parts
from search.protocols import Scored
from search.tasks import together
from search.tree import Node
from search.tree.cost import NOTHING, Cost
from search.tree.path import PathView
from search.tree.randomness import key
from search.tree.scores import Kind
from search.tree.step import Step

PROMPT = """Here is a problem and the beginning of a solution, step by step.

Problem: {question}

Earlier steps:
{earlier}

The step to judge:
{step}

Is this step right, given the earlier ones? Check its calculations and its reasoning, then end with \\boxed{right} or
\\boxed{wrong}."""
_WHOLE = Delimiter("")  # no delimiter: a critique ends at its end token, not where it quotes a step's box
_TEXT = re.compile(r"\\(?:text|textbf|mathrm)\s*\{([^{}]*)\}")
_VERDICTS = {"right": 1.0, "correct": 1.0, "yes": 1.0, "wrong": 0.0, "incorrect": 0.0, "no": 0.0}


@dataclass(frozen=True)
class Critic(Share, Embedded, ModelScorer):
    """The share of its critiques that call the step right; the tokens that it writes are on the ledger.

    One that ends without a verdict has no vote. R-PRM (arXiv 2503.21295) and other generative verifiers judge so.
    """

    model: str = ""
    """a folder, or a hub name such as Qwen/Qwen2.5-7B-Instruct"""
    engine: Engine = Engine.HF
    """hf is Transformers; vllm"""
    samples: int = 1
    """critiques of a step, whose verdicts are averaged"""
    temperature: float = 0.7
    """0 is greedy"""
    max_tokens: int = 1024
    """tokens of a critique"""
    prompt: str = PROMPT
    """holds {question}, {earlier} and {step}"""
    delimiter: str = "\n\n"
    """stripped from a step's text before it is read"""
    system_prompt: str = ""
    """before the prompt"""
    seed: int = 0
    """names the critiques: the same seed, the same ones"""
    batch_size: int = 64

    kind = Kind.CORRECTNESS
    holds: ClassVar[tuple[str, ...]] = ("question", "earlier", "step")  # what a prompt must have a place for

    def __post_init__(self) -> None:
        for knob in ("samples", "max_tokens", "batch_size"):
            check_knob(self, knob, least=1)
        check_knob(self, "temperature", least=0, most=2)
        self.check_share()
        *first, last = (f"{{{name}}}" for name in self.holds)
        if missing := [name for name in (*first, last) if name not in self.prompt]:
            raise KnobError(f"scorer.prompt lacks {missing[0]}; it must hold {', '.join(first)} and {last}")

    @cached_property
    def writer(self) -> Any:
        self.check_model()
        if self.engine is Engine.VLLM:
            from policies.engines.vllm_writer import shared_writer

            return shared_writer(self.model, self.dtype, self.share, _WHOLE)
        from policies.engines.hf import choose_device
        from policies.engines.hf_writer import shared_writer

        return shared_writer(self.model, choose_device(self.device, self.model), self.dtype, self.batch_size, _WHOLE)

    @property
    def probe(self) -> Probe | None:
        """What tells the weights of servers at `url`; None where there are none."""
        return self.writer.server.probe if self.url else None

    def start_loading(self) -> None:
        """Begins to load; a vLLM engine goes on in the background."""
        _ = self.writer

    def load(self) -> None:
        """Loads the model, which would otherwise happen at the first request."""
        _ = self.writer
        if self.engine is Engine.VLLM:
            self.writer.server.ready()

    def worst_case(self, node: Node, tokens: int) -> Cost | None:
        """Of the longest critiques of all steps to judge; None where nobody knows yet how many there will be."""
        if tokens:
            return None
        texts, cost = self._texts(PathView(node, self.thoughts)), NOTHING
        for depth in range(1 + judged(node, self.thoughts), len(texts) + 1):
            prompt = len(self._prompt(node.tree.question, texts[:depth]))
            written = max(min(self.max_tokens, self.writer.context - prompt), 0)
            each = self.writer.worst_case(prompt, written, None)
            cost += as_read(sum([each] * self.samples, NOTHING))
        return cost

    async def score(self, question: str, steps: Sequence[Step], since: int) -> Scored:
        """Raises ScoreError where no critique of a step has a verdict, ValueError where a prompt leaves no room."""
        texts = self._texts(steps)
        with parts() as asked:
            places = range(since, len(texts))
            answers = await together(*(asked.ask(self._judge, question, texts[: place + 1]) for place in places))
        return Scored([share for answer in answers for share in answer.scores], asked.cost, not asked.exact)

    def _texts(self, steps: Sequence[Step]) -> list[str]:
        return [step.text.removesuffix(self.delimiter).strip() for step in steps]

    def _prompt(self, question: str, texts: Sequence[str]) -> list[int]:
        """The token ids that ask about the last of these steps."""
        values = self._values(question, texts)
        request = re.sub(rf"\{{({'|'.join(self.holds)})\}}", lambda match: values[match[1]], self.prompt)
        return list(encode_question(self.writer.tokenizer, request, self.system_prompt))

    def _values(self, question: str, texts: Sequence[str]) -> dict[str, str]:
        """What stands in the places of the prompt."""
        return {"question": question, "earlier": "\n\n".join(texts[:-1]) or "(none)", "step": texts[-1]}

    async def _judge(self, question: str, texts: Sequence[str]) -> Scored:
        """The share of critiques that call the last of these steps right."""
        prompt = self._prompt(question, texts)
        if len(prompt) >= self.writer.context:
            raise ValueError(f"a step to judge takes {len(prompt)} tokens; {self.model} holds {self.writer.context}")
        seeds = [key(self.seed, question, tuple(texts), sample) for sample in range(self.samples)]
        written = await write(self.writer, prompt, seeds, self.temperature, self.max_tokens)
        verdicts = [verdict for text in written.texts if (verdict := read(text)) is not None]
        if not verdicts:
            for row in written.rows:
                self.writer.meter.abandon(row)
            raise ScoreError(
                f"none of {self.samples} critiques of step {len(texts)} ends with a verdict; raise max_tokens"
            )
        return Scored([sum(verdicts) / len(verdicts)], written.cost, written.at_least)


def read(critique: str) -> float | None:
    """The verdict in its last box, which holds it alone; None where there is none."""
    word = _TEXT.sub(r"\1", boxed(critique) or "").strip(" .").lower()
    return _VERDICTS.get(word)
