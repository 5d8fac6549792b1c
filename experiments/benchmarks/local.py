"""Best-of-N against Transformers' own generate, in tokens a second: python -m experiments.benchmarks.local [n=16] ...

Both write the same number of samples for the same prompts with the same model, dtype, batch size, temperature and stop
rule (end token, or a step's end once the step holds a box). The plain side is given its batches sorted by length; ours
gets the problems as they come, as a sweep does. Runs are interleaved, because a machine's speed drifts.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import torch
from rich.console import Console
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from experiments.config.script import from_overrides
from experiments.problems.sets import Arithmetic
from policies.engines.boundary import stops_of
from policies.engines.hf_writer import HFWriter
from policies.engines.prompt import encode_question
from policies.hf import HF
from scorers.self_certainty import SelfCertainty
from search import BestOfN, Job, solve_all

LEAST_RATIO = 0.8


@dataclass
class Knobs:
    """What is measured."""

    problems: int = 100
    """problems of the shipped set"""
    n: int = 16
    """samples a problem"""
    runs: int = 5
    """timed runs of each side; the medians are compared"""
    model: str = "tiny"
    """folder or hub name of the model"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""
    dtype: str = "auto"
    """auto, float32, bfloat16 or float16"""
    batch_size: int = 128
    """most sequences in one batch"""
    max_tokens: int = 2048
    """most tokens of a solution"""


class Run(NamedTuple):
    """Generated tokens, up to each solution's end, and seconds."""

    tokens: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def ours(policy: HF, questions: list[str], n: int, seed: int) -> Run:
    """Best-of-N through the whole engine, scored by the policy's own certainty."""

    async def tokens() -> int:
        jobs = [Job(question, BestOfN(n), policy, SelfCertainty(), seed=seed) for question in questions]
        return sum([solved.tree.ledger.generated_tokens async for solved in solve_all(jobs)])

    start = time.perf_counter()
    return Run(asyncio.run(tokens()), time.perf_counter() - start)


def plain(policy: HF, questions: list[str], n: int, seed: int) -> Run:
    """`model.generate` on batches of sorted prompts."""
    engine = policy.engine
    torch.manual_seed(seed)
    start = time.perf_counter()
    prompts = [encode_question(engine.tokenizer, question, policy.system_prompt) for question in questions]
    rows = sorted((prompt for prompt in prompts for _ in range(n)), key=len)
    batches = [rows[i : i + policy.batch_size] for i in range(0, len(rows), policy.batch_size)]
    return Run(sum(_generate(engine, batch, policy.max_tokens) for batch in batches), time.perf_counter() - start)


def _generate(engine: HFWriter, prompts: list[list[int]], max_tokens: int) -> int:
    tokenizer, ends = engine.tokenizer, sorted(engine.vocabulary.end_ids)
    batch = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt").to(engine.device)
    knobs = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=max_tokens,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    boxes = BoxAtStepEnd(engine, batch["input_ids"].shape[1], ends)
    engine.model.generate(**batch, generation_config=knobs, stopping_criteria=StoppingCriteriaList([boxes]))
    return boxes.tokens


class BoxAtStepEnd(StoppingCriteria):
    """Stops a row at a delimiter that ends a step with a box; counts the tokens of rows that have not ended."""

    def __init__(self, engine: HFWriter, width: int, ends: list[int]) -> None:
        self._tokenizer, self._width = engine.tokenizer, width
        stops = stops_of(engine.boundary, engine.vocabulary.texts)
        self._delimiters = torch.tensor(sorted(stops), device=engine.device)
        self._ends = torch.tensor(ends, device=engine.device)
        self._done: Any = None
        self.tokens = 0

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        last = input_ids[:, -1]
        if self._done is None:
            self._done = torch.zeros_like(last, dtype=torch.bool)
        self.tokens += int((~self._done).sum())
        for row in (torch.isin(last, self._delimiters) & ~self._done).nonzero()[:, 0].tolist():
            step = str(self._tokenizer.decode(input_ids[row, self._width : -1])).rpartition("\n\n")[2]
            self._done[row] = "}" in step.partition("\\boxed{")[2]
        self._done |= torch.isin(last, self._ends)
        return self._done


def main() -> None:
    knobs = from_overrides(Knobs)
    policy = HF(
        knobs.model, device=knobs.device, dtype=knobs.dtype, batch_size=knobs.batch_size, max_tokens=knobs.max_tokens
    )
    questions = [problem.question for problem in Arithmetic(limit=knobs.problems).load()]
    for side in (ours, plain):
        side(policy, questions[:2], 2, seed=0)
    console, rates = Console(), {"stepsearch": [], "model.generate": []}
    for seed in range(1, knobs.runs + 1):
        for name, side in zip(rates, (ours, plain), strict=True):
            run = side(policy, questions, knobs.n, seed)
            rates[name].append(run.rate)
            console.print(
                f"run {seed}: {name:14} {run.tokens:8,} tokens in {run.seconds:6.1f} s: {run.rate:7,.0f} a second"
            )
    mine, theirs = (median(rates[name]) for name in rates)
    ratio = mine / theirs
    console.print(f"medians: stepsearch {mine:,.0f}, model.generate {theirs:,.0f} tokens a second")
    console.print(f"ratio: {ratio:.2f} (at least {LEAST_RATIO})")
    sys.exit(ratio < LEAST_RATIO)


if __name__ == "__main__":
    main()
