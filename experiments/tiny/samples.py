"""Samples of the small policy that the other small models learn from: a line of JSON a question, resumable."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.problems import arithmetic
from experiments.tiny.searches import append
from experiments.tiny.train_policy import problem
from policies.engines.share import Engine
from policies.hf import HF
from policies.vllm import VLLM
from scorers.self_certainty import SelfCertainty
from search import BestOfN, Job, Tree


def training_questions(salt: str, count: int) -> list[str]:
    """Distinct questions, none of them held out, sorted by length so that a batch is padded little."""
    rng, held_out = random.Random(salt), arithmetic.held_out()
    questions: dict[str, None] = {}
    while len(questions) < count:
        text = arithmetic.question(problem(rng))
        if text not in held_out:
            questions[text] = None
    return sorted(questions, key=len)


def sampled_questions(file: Path) -> set[str]:
    file.parent.mkdir(parents=True, exist_ok=True)
    return {json.loads(line)["question"] for line in file.open()} if file.exists() else set()


async def sample(questions: Sequence[str], n: int, policy: HF | VLLM, seed: int, file: Path) -> None:
    """Appends `n` solutions of each question that `file` does not hold yet, a line a question."""
    done, scorer = sampled_questions(file), SelfCertainty()
    jobs = (Job(text, BestOfN(n), policy, scorer, seed=seed) for text in questions if text not in done)
    await append(jobs, _texts, file, concurrency=1024 // n)


def _texts(tree: Tree) -> dict[str, Any]:
    steps = [[step.text for step in leaf.steps()] for leaf in tree.leaves()]
    return {"question": tree.question, "samples": steps}


def writer(model: str, engine: Engine) -> HF | VLLM:
    return (
        VLLM(model=model, max_tokens=700) if engine is Engine.VLLM else HF(model=model, max_tokens=700, batch_size=256)
    )
