"""What the quality of labels does to a PRM, in miniature: python -m experiments.tiny.label_quality [engine=vllm] [...]

The same PRM is trained on the same sampled solutions with five kinds of label, and judged on the same unseen ones. The
question is that of "The Lessons of Developing Process Reward Models in Mathematical Reasoning" (arXiv 2501.07301).

    exact      the expression after the step equals the value of the question
    hard       Monte Carlo estimation (arXiv 2312.08935): some completion of the steps up to here is right
    soft       the share of completions that are right
    judge      the exact labels, each flipped with probability `flip`
    consensus  solutions in which hard and judge find the same first error, or both none

It needs the stronger policy that train_policy leaves in runs/, on which the shipped PRM is built, too. If
interrupted, the same command resumes with the solutions, completions and PRMs that it has.
"""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import Qwen2ForCausalLM

from experiments.config.script import from_overrides
from experiments.labels.labels import first_wrong
from experiments.problems import arithmetic
from experiments.tiny import evaluate, train_prm
from experiments.tiny.completions import Completed, Estimated, complete, read
from experiments.tiny.evaluate import unseen
from experiments.tiny.label_figures import Figures, figures, picture
from experiments.tiny.samples import training_questions, writer
from experiments.tiny.searches import in_order
from experiments.tiny.training import Document, Schedule
from policies.engines.hf import load_tokenizer, load_weights
from policies.engines.share import Engine
from scorers.prm import PRM
from scorers.self_certainty import SelfCertainty
from search import BestOfN, Job, Node, Policy, Tree

KINDS = ("exact", "hard", "soft", "judge", "consensus")


@dataclass
class Knobs:
    problems: int = 500
    """problems to train on"""
    samples: int = 2
    """solutions of each problem to train on"""
    completions: int = 8
    """completions of the solution up to each step"""
    flip: float = 0.15
    """probability that a label of the judge is flipped"""
    steps: int = 200
    """training steps of each PRM"""
    rows: int = 12
    """rows in a training batch"""
    row_tokens: int = 512
    """tokens in a row"""
    learning_rate: float = 2e-3
    """highest learning rate"""
    unseen: int = 200
    """problems that the PRMs are judged on"""
    choosing: int = 50
    """further problems, on which the threshold is chosen"""
    max_level: int = 4
    """groups in the hardest problem that the PRMs are judged on"""
    n: int = 16
    """samples of each of these problems"""
    seed: int = 2
    """seed of the samples, the labels and the training"""
    threads: int = 2
    """torch's threads"""
    policy: str = "tiny"
    """folder or hub name of the policy that writes the samples"""
    base: str = "./runs/train_policy/strong"
    """folder of the stronger policy whose weights the PRMs start from"""
    engine: Engine = Engine.HF
    """what runs the policy"""
    work: str = "runs/label_quality"
    """folder of solutions, completions and PRMs"""
    picture: str = "docs/label_quality.png"
    """file of the figure"""


# labels


def labels(kind: str, solution: Estimated, flip: float, rng: random.Random) -> list[float] | None:
    """[S], probabilities that a step is right; None where this kind leaves the solution out.

    All but the soft ones end with the first wrong step: what follows it says nothing. `rng` makes the judge's flips.
    """
    exact = arithmetic.labels(solution.question, solution.steps)
    judge = [right != (rng.random() < flip) for right in exact]
    hard = [share > 0 for share in solution.shares]
    if kind == "soft":
        return solution.shares
    if kind == "consensus" and first_wrong(hard) != first_wrong(judge):
        return None
    right = {"exact": exact, "hard": hard, "judge": judge, "consensus": hard}[kind]
    return list(map(float, right[: first_wrong(right) + 1]))


def documents(reader: train_prm.Reader, solutions: Sequence[Estimated], kind: str, knobs: Knobs) -> Iterator[Document]:
    """For ever, in random order; a label is the same each time."""
    flips, order = random.Random(f"flips {knobs.seed}"), random.Random(f"order {knobs.seed}")
    labelled = [(solution, labels(kind, solution, knobs.flip, flips)) for solution in solutions]
    kept = [(solution, right) for solution, right in labelled if right is not None]
    while True:
        solution, right = order.choice(kept)
        yield reader.document(solution.question, solution.steps[: len(right)], right)


# training and judging


def train_on(kind: str, base: Qwen2ForCausalLM, solutions: Sequence[Estimated], knobs: Knobs) -> Path:
    """The folder of the PRM that was trained, from `base`, on labels of `kind`."""
    work = Path(knobs.work) / kind
    if (work / "prm" / "model.safetensors").exists():
        return work / "prm"
    torch.manual_seed(knobs.seed)
    reader = train_prm.Reader(load_tokenizer(knobs.policy))
    begin = partial(documents, reader, solutions, kind, knobs)
    schedule = Schedule(
        knobs.steps, knobs.rows, knobs.row_tokens, knobs.learning_rate, warmup=min(100, knobs.steps // 4)
    )
    log = partial(print, f"{kind}:", flush=True)
    train_prm.fit(base, reader, begin, schedule, work, work / "prm", log=log)
    return work / "prm"


async def rescored(trees: Sequence[Tree], scorer: PRM) -> list[Tree]:
    """The same solutions with this scorer's scores."""
    copies = [Tree.loads(tree.dumps()) for tree in trees]

    async def score(leaf: Node) -> None:
        scored = await scorer.score(leaf.tree.question, leaf.steps(), 0)
        for node, value in zip(leaf.line(), scored.scores, strict=True):
            node.score = value

    async with asyncio.TaskGroup() as group:
        for tree in copies:
            for leaf in tree.leaves():
                group.create_task(score(leaf))
    return copies


# what is shown


def show(rows: Sequence[Figures], solutions: Sequence[Estimated], knobs: Knobs, console: Console) -> None:
    title = (
        f"{len(solutions)} solutions to train on, {knobs.steps} steps; {knobs.unseen} unseen problems of level 1 to "
        f"{knobs.max_level}, N = {knobs.n}, seed {knobs.seed}"
    )
    table = Table(title=title)
    for column in ("labels", "solutions", "labels that are wrong", *rows[0].values):
        table.add_column(column)
    for figure in rows:
        kept, wrong = label_errors(figure.kind, solutions, knobs)
        cells = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, (low, high) in figure.values.values()]
        table.add_row(figure.kind, str(kept), f"{wrong:.3f}", *cells)
    console.print(table)


class LabelErrors(NamedTuple):
    """Solutions kept, and the share of their labels that are on the wrong side of a half."""

    kept: int
    share: float


def label_errors(kind: str, solutions: Sequence[Estimated], knobs: Knobs) -> LabelErrors:
    rng, kept, wrong = random.Random(f"flips {knobs.seed}"), 0, list[bool]()
    for solution in solutions:
        right = labels(kind, solution, knobs.flip, rng)
        if right is not None:
            exact = arithmetic.labels(solution.question, solution.steps)
            kept, wrong = kept + 1, wrong + [(p > 0.5) != e for p, e in zip(right, exact, strict=False)]
    return LabelErrors(kept, float(np.mean(wrong)))


async def measure(
    knobs: Knobs, policy: Policy, base: Qwen2ForCausalLM, solutions: Sequence[Estimated]
) -> list[Figures]:
    asked = evaluate.Knobs(knobs.unseen + knobs.choosing, knobs.n, knobs.max_level)
    questions = [arithmetic.question(tree) for tree in unseen(asked)]
    jobs = [Job(text, BestOfN(knobs.n), policy, SelfCertainty(), seed=knobs.seed) for text in questions]
    trees, results = await in_order(jobs), list[Figures]()
    for kind in KINDS:
        folder = train_on(kind, base, solutions, knobs)
        scored = await rescored(trees, PRM(model=str(folder)))
        results.append(figures(kind, scored[knobs.unseen :], scored[: knobs.unseen], knobs.n))
    return results


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    work = Path(knobs.work)
    base = load_weights(Qwen2ForCausalLM, knobs.base, "cpu", "float32")
    policy = writer(knobs.policy, knobs.engine)
    questions = training_questions(f"prm {knobs.seed}", knobs.problems)
    searcher = Completed(knobs.samples, knobs.completions)
    asyncio.run(complete(questions, searcher, policy, knobs.seed, work / "solutions.jsonl"))
    solutions = read(work / "solutions.jsonl")
    rows = asyncio.run(measure(knobs, policy, base, solutions))
    show(rows, solutions, knobs, Console())
    (work / "figures.json").write_text(json.dumps([figure._asdict() for figure in rows], indent=1))
    picture(rows, Path(knobs.picture))


if __name__ == "__main__":
    main()
