"""Writes the small policy's solutions of unseen problems with exact labels, for `stepsearch judge data=labelled`:

python -m experiments.tiny.holdout out=holdout.jsonl [problems=...] [n=...] [max_level=...] [engine=vllm]
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from experiments.tiny import evaluate
from experiments.tiny.samples import writer
from experiments.tiny.searches import in_order
from scorers.self_certainty import SelfCertainty
from search import BestOfN, Job, Tree


@dataclass
class Knobs(evaluate.Knobs):
    out: str = "runs/holdout.jsonl"
    """file that the solutions are written to"""


def entries(tree: Tree) -> Iterator[dict[str, Any]]:
    """A line a solution."""
    for leaf in tree.leaves():
        steps = leaf.steps()
        labels = arithmetic.labels(tree.question, [step.text for step in steps])
        yield {
            "question": tree.question,
            "level": arithmetic.level(tree.question),
            "answer": str(arithmetic.parse(tree.question)),
            "steps": [step.text.strip() for step in steps],
            "labels": labels,
            "answer_right": leaf.finished and labels[-1],
            "logprobs": [list(step.logprobs) for step in steps],
        }


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    policy = writer(knobs.policy, knobs.engine)
    questions = [arithmetic.question(tree) for tree in evaluate.unseen(knobs)]
    jobs = [Job(text, BestOfN(knobs.n), policy, SelfCertainty(), seed=knobs.seed) for text in questions]
    trees = asyncio.run(in_order(jobs))
    out = Path(knobs.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(entry) + "\n" for tree in trees for entry in entries(tree)), "utf-8")
    print(out)


if __name__ == "__main__":
    main()
