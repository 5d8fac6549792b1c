"""How good the small models are: python -m experiments.tiny.evaluate [problems=...] [n=...] [max_level=...]

Unseen problems from a seed that training never uses; the figures of the model cards come from here.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from experiments.analysis.differences import gain
from experiments.analysis.step_metrics import Judged, auc, up_to_first_error
from experiments.analysis.uncertainty import accuracy_interval
from experiments.config.script import from_overrides
from experiments.problems import arithmetic
from experiments.problems.published import Bigbench
from experiments.runs.grading import correctness
from experiments.tiny.corrupt import KINDS, corrupt
from experiments.tiny.searches import in_order
from policies.engines.share import Engine
from policies.hf import HF
from policies.vllm import VLLM
from scorers.prm import PRM
from search import BestOfN, Job, Reduction, Rule, Selection, Step, Tree, oracle
from search.answers.boxes import boxed


@dataclass
class Knobs:
    problems: int = 100
    """unseen problems"""
    n: int = 16
    """samples a problem"""
    max_level: int = 2
    """groups in the hardest problem"""
    seed: int = 1_000_003
    """seed of the problems and of the samples"""
    file: str | None = None
    """BIG-bench's multistep arithmetic, instead of generated problems"""
    threads: int = 2
    """torch's threads"""
    policy: str = "tiny"
    """folder or hub name of the policy"""
    scorer: str = "tiny-prm"
    """folder or hub name of the PRM"""
    engine: Engine = Engine.HF
    """what runs both models"""


def unseen(knobs: Knobs) -> list[arithmetic.Group]:
    if knobs.file:
        questions = [problem.question for problem in Bigbench(knobs.file, limit=knobs.problems).load()]
        return [tree for tree in map(arithmetic.read, questions) if isinstance(tree, arithmetic.Group)]
    levels = tuple(level for level in arithmetic.LEVELS if level <= knobs.max_level)
    return arithmetic.problem_set(knobs.seed, knobs.problems, levels)


async def best_of_n(knobs: Knobs) -> list[Tree]:
    """A tree a problem, in the order of the problems."""
    policy = (VLLM if knobs.engine is Engine.VLLM else HF)(model=knobs.policy)
    scorer = PRM(model=knobs.scorer, engine=knobs.engine)
    questions = [arithmetic.question(tree) for tree in unseen(knobs)]
    return await in_order([Job(text, BestOfN(knobs.n), policy, scorer, seed=knobs.seed) for text in questions])


def judged(trees: Sequence[Tree]) -> list[Judged]:
    """All solutions, with exact labels."""
    return [
        Judged(
            [float("nan") if node.score is None else node.score for node in leaf.line()],
            arithmetic.labels(tree.question, [step.text for step in leaf.steps()]),
        )
        for tree in trees
        for leaf in tree.leaves()
    ]


def correct(tree: Tree, answer: str | None) -> bool:
    return answer is not None and answer.strip() == str(arithmetic.parse(tree.question))


def _correctness(tree: Tree, selection: Selection) -> float:
    return correctness(selection(tree), lambda answer: correct(tree, answer))


def accuracies(trees: list[Tree]) -> dict[str, np.ndarray]:
    """Correctness, [P] each: one sample's mean, each rule's answer (the mean where answers tie), and the oracle."""
    rows: dict[str, Any] = {}
    rows["one sample"] = [np.mean([correct(t, boxed(leaf.text())) for leaf in t.leaves()]) for t in trees]
    rows["majority"] = [_correctness(t, Selection(Rule.MAJORITY)) for t in trees]
    for reduction in (Reduction.MIN, Reduction.LAST, Reduction.PRODUCT, Reduction.MEAN):
        rows[f"best by {reduction}"] = [_correctness(t, Selection(Rule.BEST, reduction)) for t in trees]
        rows[f"weighted by {reduction}"] = [_correctness(t, Selection(Rule.WEIGHTED, reduction)) for t in trees]
    rows["oracle"] = [oracle(t, lambda answer, t=t: correct(t, answer)) for t in trees]
    return {name: np.array(row, dtype=float) for name, row in rows.items()}


async def detection(knobs: Knobs) -> dict[str, float]:
    """Share of corrupted steps that the scorer puts below 0.5, by kind of corruption."""
    scorer, rng = PRM(model=knobs.scorer, engine=knobs.engine), random.Random(knobs.seed)
    rates: dict[str, float] = {}
    for kind in KINDS:
        corruptions = [corrupt(tree, kind, rng) for tree in unseen(knobs)]
        pairs = [(arithmetic.question(t), c) for t, c in zip(unseen(knobs), corruptions, strict=True) if c]
        reads = [scorer.score(q, [Step(s) for s in c.steps[: c.first_wrong + 1]], c.first_wrong) for q, c in pairs]
        scored = await asyncio.gather(*reads)
        rates[kind] = float(np.mean([s.scores[0] < 0.5 for s in scored])) if scored else float("nan")
    return rates


def gains(rows: dict[str, np.ndarray], title: str) -> Table:
    """Accuracies, and what each has over one sample and over the majority, paired by problem."""
    table = Table(title=title)
    for column in ("answer", "accuracy", "95 % interval", "minus one sample", "minus majority"):
        table.add_column(column)
    for name, row in rows.items():
        cells = [f"{row.mean():.3f}", "{:.3f} to {:.3f}".format(*accuracy_interval(row))]
        for other in ("one sample", "majority"):
            over = gain(row, rows[other])
            cells.append(f"{over.mean:+.3f} ({over.interval.low:+.3f} to {over.interval.high:+.3f})")
        table.add_row(name, *cells)
    return table


def step_aucs(trees: Sequence[Tree]) -> Iterator[str]:
    """Up to and including the first error, over all problems and by level."""
    by_level: dict[str, list[Tree]] = {"all problems": list(trees)}
    for tree in sorted(trees, key=lambda tree: arithmetic.level(tree.question)):
        by_level.setdefault(f"level {arithmetic.level(tree.question)}", []).append(tree)
    for name, members in by_level.items():
        scores, right = up_to_first_error(judged(members))
        share = f"{len(right)} steps, {1 - right.mean():.3f} wrong"
        yield f"step AUC {auc(scores, right):.3f} on {name}: {len(members)} problems, {share}"


async def evaluate(knobs: Knobs) -> None:
    console = Console(width=140)
    trees = await best_of_n(knobs)
    source = knobs.file or f"level 1 to {knobs.max_level}, seed {knobs.seed}"
    console.print(gains(accuracies(trees), f"{len(trees)} unseen problems, {source}, N = {knobs.n}"))
    tokens = np.mean([tree.ledger.generated_tokens / knobs.n for tree in trees])
    depths = [leaf.depth for tree in trees for leaf in tree.leaves()]
    console.print(f"{tokens:.0f} tokens and {np.mean(depths):.1f} steps ({min(depths)} to {max(depths)}) a solution")
    for line in step_aucs(trees):
        console.print(line)
    for kind, rate in (await detection(knobs)).items():
        console.print(f"detects {rate:.2f} of {kind}")


def main() -> None:
    knobs = from_overrides(Knobs)
    torch.set_num_threads(knobs.threads)
    asyncio.run(evaluate(knobs))


if __name__ == "__main__":
    main()
