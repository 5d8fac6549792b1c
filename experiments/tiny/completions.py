"""Monte Carlo estimation of steps: how often what a policy makes of the first steps of a solution is right."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.labels import searchers
from experiments.problems import arithmetic
from experiments.tiny.searches import append
from scorers.self_certainty import SelfCertainty
from search import Job, Node, Policy, Tree
from search.grow import Grower


@dataclass(frozen=True)
class Completed:
    """Solutions, and from each of their steps but the last, completions."""

    n: int
    completions: int

    scale = "n"

    async def search(self, grow: Grower) -> None:
        ends = await grow.sample(grow.root, self.n, max_steps=None)
        await searchers.complete(grow, (node for end in ends for node in end.line()[:-1]), self.completions)


class Estimated(NamedTuple):
    """A solution: texts of its steps, and the share of their completions that are right, [S]; its own for the last."""

    question: str
    steps: list[str]
    shares: list[float]


def estimated(tree: Tree, n: int) -> list[Estimated]:
    """Reads off the tree that `Completed` grew: a path's own next step is child 0, completions are the others."""
    solutions = []
    for index in range(n):
        line = [tree.root.children[index]]
        while line[-1].children:
            line.append(line[-1].children[0])
        shares = [_share(tree, node) for node in line]
        solutions.append(Estimated(tree.question, [node.step.text for node in line if node.step], shares))
    return solutions


def _share(tree: Tree, node: Node) -> float:
    ends = [child for index, child in node.children.items() if index] or [node]
    return float(np.mean([_right(tree, end) for end in ends]))


def _right(tree: Tree, node: Node) -> bool:
    """Whether the solution that goes on from `node`, first children only, ends with the right answer."""
    while node.children:
        node = node.children[0]
    text = node.step.text if node.step else ""
    return node.finished and arithmetic.state_after(text) == arithmetic.parse(tree.question)


async def complete(questions: Sequence[str], searcher: Completed, policy: Policy, seed: int, file: Path) -> None:
    """Appends what is missing to `file`, a line a question."""
    done = {entry.question for entry in read(file)}
    jobs = [Job(text, searcher, policy, SelfCertainty(), seed=seed) for text in questions if text not in done]
    file.parent.mkdir(parents=True, exist_ok=True)
    await append(jobs, lambda tree: [entry._asdict() for entry in estimated(tree, searcher.n)], file, concurrency=16)


def read(file: Path) -> list[Estimated]:
    if not file.exists():
        return []
    return [Estimated(**entry) for line in file.open() for entry in json.loads(line)]
