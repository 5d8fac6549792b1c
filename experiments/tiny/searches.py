"""Runs the searches that training and evaluation are made of; the first failure ends them."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from search import Job, Tree, solve_all


async def in_order(jobs: Sequence[Job]) -> list[Tree]:
    """The tree of each job, in the order of the jobs."""
    trees: dict[int, Tree] = {}
    async for job, tree, error in solve_all(jobs):
        if error:
            raise error
        trees[id(job)] = tree
    return [trees[id(job)] for job in jobs]


async def append(jobs: Iterable[Job], entry: Callable[[Tree], Any], file: Path, concurrency: int) -> None:
    """Writes what `entry` makes of each tree, as JSON, a line a tree as it ends: a run that is cut short keeps them."""
    with open(file, "a", buffering=1) as out:  # noqa: ASYNC230
        async for _, tree, error in solve_all(jobs, concurrency):
            if error:
                raise error
            out.write(json.dumps(entry(tree)) + "\n")
